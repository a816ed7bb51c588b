import { Console } from 'node:console'
import { createLogger } from '@mcp-prod/logging'
import { handleProcessErrors } from '@mcp-prod/recovery'
import { withDeadline } from '@mcp-prod/resilience'
import { loadDevelopmentEnv, readSharedConfig } from './config.js'
import { orExit } from './faults.js'
import { name, version } from './identity.js'
import { prompts } from './prompts/index.js'
import { createToolServer } from './protocol.js'
import { resources } from './resources/index.js'
import { serveStdio } from './serve-stdio.js'
import { createServices } from './services.js'
import { tools } from './tools/index.js'

// The same tools for a client that starts this process itself. stdout belongs to the protocol, so logs go to stderr.
// There is no caller to authenticate: whoever started the process already has its rights.
globalThis.console = new Console(process.stderr, process.stderr)
loadDevelopmentEnv()
const config = orExit(readSharedConfig)
const logger = createLogger({
  level: config.LOG_LEVEL,
  service: name,
  version,
  stream: process.stderr,
})
const { services, close } = createServices(config, {
  logger,
})
const stopping = new AbortController()

const connection = serveStdio(
  createToolServer(tools, {
    name,
    version,
    resources,
    prompts,
    services,
    logger,
    signal: stopping.signal,
    budget: withDeadline,
    dangerouslyIgnoreScopes: true,
  }),
  { onerror: (error) => logger.warn('stdio connection', { error }) },
)

let stopped = false

async function stop(reason: string, exitCode = 0) {
  if (stopped) return
  stopped = true
  logger.debug('stopping', { reason })
  stopping.abort()
  await connection.close()
  await close()
  await logger.flush()
  process.exit(exitCode)
}
handleProcessErrors({ logger, stop })
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stop(signal))
process.stdin.once('close', () => stop('stdin closed'))
// So the SDK ends a connection by itself, when nobody reads the answers or a message is too large: no end of the input is seen then.
process.stdin.once('pause', () => stop('connection closed'))
