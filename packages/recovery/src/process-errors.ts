import { hasMethods, requireOption } from './options.js'
import type { Logger } from './recover.js'

export type ProcessErrorKind = 'unhandledRejection' | 'uncaughtException'

export interface ProcessErrorsOptions {
  /** Gets every error and every warning of Node. */
  logger: Logger
  /** Ends the process in order, such as `shutdown.stop`. Called once at the most. */
  stop: (reason: string, exitCode: number) => unknown
  /** `log`: tell and keep serving, for a forgotten await concerns one call. `exit`: as an exception. @default 'log' */
  unhandledRejection?: 'log' | 'exit'
  /** `exit`: tell, drain and end, for the state of the process is unknown now. @default 'exit' */
  uncaughtException?: 'exit' | 'dangerouslyContinue'
  /** Told of every error: for a metric. @default none */
  onError?: (kind: ProcessErrorKind) => void
  /** Exit code after an exception. @default 1 */
  exitCode?: number
  /** Milliseconds that `stop` may take before the process ends regardless. @default 35000 */
  exitTimeoutMs?: number
}

/** So many errors are still told while the process ends: a log that itself fails must not feed itself. */
const LINES_WHILE_STOPPING = 10

let installed = false

/**
 * One written policy for what nobody caught. Without it Node ends at the first forgotten `await`, with every call in flight.
 *
 * @returns a function that takes the policy away again.
 * @throws Error `ERR_RECOVERY_INSTALLED` when it is installed already; TypeError `ERR_RECOVERY_OPTION` for a wrong option.
 */
export function handleProcessErrors(options: ProcessErrorsOptions): () => void {
  const { logger, stop, unhandledRejection = 'log', uncaughtException = 'exit' } = options
  const { onError = () => {}, exitCode = 1, exitTimeoutMs = 35_000 } = options
  requireOption(hasMethods(logger, 'warn', 'error'), 'logger', 'a logger with warn() and error()')
  requireOption(typeof stop === 'function', 'stop', 'a function')
  requireOption(
    ['log', 'exit'].includes(unhandledRejection),
    'unhandledRejection',
    '"log" or "exit"',
  )
  requireOption(
    ['exit', 'dangerouslyContinue'].includes(uncaughtException),
    'uncaughtException',
    '"exit" or "dangerouslyContinue"',
  )
  requireOption(
    Number.isInteger(exitCode) && exitCode > 0 && exitCode < 256,
    'exitCode',
    'from 1 to 255',
  )
  requireOption(
    exitTimeoutMs > 0 && exitTimeoutMs < 2 ** 31,
    'exitTimeoutMs',
    'milliseconds above 0',
  )
  if (installed) {
    const error = new Error('@mcp-prod/recovery: handleProcessErrors() is installed already')
    throw Object.assign(error, { code: 'ERR_RECOVERY_INSTALLED' })
  }

  let stopping = false
  let linesLeft = LINES_WHILE_STOPPING

  function tell(kind: ProcessErrorKind, error: unknown): void {
    if (stopping && linesLeft-- <= 0) return
    try {
      onError(kind)
      const message = kind === 'uncaughtException' ? 'uncaught exception' : 'unhandled rejection'
      logger.error(message, { error })
    } catch {
      // Whoever listens is broken too; the policy stands.
    }
  }

  function end(reason: ProcessErrorKind): void {
    if (stopping) return
    stopping = true
    // Should nothing else keep the process alive, it still must not end as if all were well.
    process.exitCode = exitCode
    setTimeout(() => process.exit(exitCode), exitTimeoutMs)
    new Promise((resolve) => resolve(stop(reason, exitCode))).catch(() => process.exit(exitCode))
  }

  function onException(error: unknown): void {
    tell('uncaughtException', error)
    if (uncaughtException === 'exit') end('uncaughtException')
  }
  function onRejection(error: unknown): void {
    tell('unhandledRejection', error)
    if (unhandledRejection === 'exit') end('unhandledRejection')
  }
  function onWarning({ name, message }: Error): void {
    try {
      logger.warn('process warning', { name, warning: message })
    } catch {
      // As above.
    }
  }

  process.on('uncaughtException', onException)
  process.on('unhandledRejection', onRejection)
  process.on('warning', onWarning)
  installed = true

  return function removeProcessErrors() {
    process.off('uncaughtException', onException)
    process.off('unhandledRejection', onRejection)
    process.off('warning', onWarning)
    installed = false
  }
}
