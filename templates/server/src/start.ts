import { printConfig } from '@mcp-prod/config'
import { NotReadyError } from '@mcp-prod/resilience'
import { WorkersError, workerLink } from '@mcp-prod/workers'
import { loadDevelopmentEnv, readConfig, settings } from './config.js'
import { orExit } from './faults.js'
import { tellResources } from './machine.js'
import { createProcess } from './process.js'

loadDevelopmentEnv()
const [argument, ...more] = process.argv.slice(2)
if (more.length > 0 || (argument !== undefined && argument !== '--print-config')) {
  process.stderr.write('usage: main.js [--print-config]; settings come from the environment\n')
  process.exitCode = 2
} else if (argument !== undefined) {
  process.stdout.write(`${printConfig(settings)}\n`)
  orExit(readConfig)
} else {
  const config = orExit(readConfig)
  const isWorker = workerLink() !== undefined
  const leads = config.WORKERS > 1 && !isWorker
  const own = orExit(() => createProcess(config, leads))
  const { telemetry, shutdown } = own
  if (!isWorker) tellResources(telemetry.logger, config.WORKERS)
  // Loaded when it is known which: a primary needs nothing of what serves calls.
  const run = leads ? (await import('./primary.js')).lead : (await import('./serve.js')).serve
  await run(config, own).catch((error: Error) => {
    // A signal during the start is no fault of it.
    if (shutdown.draining) return
    const problems = error instanceof NotReadyError ? error.faults : [error.message]
    for (const problem of problems) telemetry.logger.error('cannot start', { problem })
    telemetry.logger.debug('cannot start', { error })
    const exitCode = error instanceof WorkersError ? error.exitCode : undefined
    return shutdown.stop('cannot start', exitCode ?? 1)
  })
}
