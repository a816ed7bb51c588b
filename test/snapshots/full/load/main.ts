import { loadDevelopmentEnv } from '../src/config.js'
import { UsageError } from './option-values.js'
import { readOptions } from './options.js'
import { runLoad } from './run-load.js'
import { createTerminal } from './terminal.js'

// Finds out what the running server can take; `npm run load -- --help` says how.
loadDevelopmentEnv()
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // Whoever asks twice does not want to wait for the results.
    if (stop.signal.aborted) process.exit(130)
    stop.abort()
  })
}
try {
  const options = await readOptions(process.argv.slice(2), process.env)
  const terminal = createTerminal(process.stdout, process.env)
  if (options.help) terminal.print(options.help.trimEnd())
  else process.exitCode = await runLoad(options, terminal, stop.signal)
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
