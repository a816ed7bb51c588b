import { lineLimit } from './line-limit.js'
import { guarded, type Logger } from './logger.js'
import { hasMethods, requireFunction, requireMilliseconds, requireOption } from './options.js'

export type ProcessErrorKind = 'unhandledRejection' | 'uncaughtException'

export interface ProcessErrorsOptions {
  /** Gets every error and every warning of Node, within `maxLinesPerSecond`. */
  logger: Logger
  /** Ends the process in order, such as `shutdown.stop`. Called once at the most. */
  stop: (reason: string, exitCode: number) => unknown
  /** `log`: tell and keep serving, for a forgotten await concerns one call. `exit`: as an exception. @default 'log' */
  unhandledRejection?: 'log' | 'exit'
  /** `exit`: tell, drain and end, for the state of the process is unknown now. @default 'exit' */
  uncaughtException?: 'exit' | 'dangerouslyContinue'
  /** Told of every error, also of those that get no line: for a metric. @default none */
  onError?: (kind: ProcessErrorKind) => void
  /** Exit code after an exception. @default 1 */
  exitCode?: number
  /** Milliseconds that `stop` may take before the process ends regardless. @default 35000 */
  exitTimeoutMs?: number
  /** Lines a second for each of rejections, exceptions and warnings; those above are counted. @default 10 */
  maxLinesPerSecond?: number
}

const MESSAGES = {
  unhandledRejection: 'unhandled rejection',
  uncaughtException: 'uncaught exception',
} as const

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
  const { maxLinesPerSecond = 10 } = options
  requireOptions({
    ...{ logger, stop, unhandledRejection, uncaughtException },
    ...{ onError, exitCode, exitTimeoutMs, maxLinesPerSecond },
  })
  if (installed) {
    const error = new Error('@mcp-prod/recovery: handleProcessErrors() is installed already')
    throw Object.assign(error, { code: 'ERR_RECOVERY_INSTALLED' })
  }

  const limitFor = (message: string) =>
    lineLimit(maxLinesPerSecond, (count) =>
      guarded(() => logger.warn('further lines left out', { of: message, count })),
    )
  // Apart from each other, so that a flood of one leaves room for the exception that ends the process.
  const limits = {
    unhandledRejection: limitFor(MESSAGES.unhandledRejection),
    uncaughtException: limitFor(MESSAGES.uncaughtException),
    warning: limitFor('process warning'),
  }
  let stopping = false

  function tell(kind: ProcessErrorKind, error: unknown): void {
    guarded(() => onError(kind))
    limits[kind](() => guarded(() => logger.error(MESSAGES[kind], { error })))
  }

  function end(reason: ProcessErrorKind): void {
    if (stopping) return
    stopping = true
    // Should nothing else keep the process alive, it still must not end as if all were well.
    process.exitCode = exitCode
    setTimeout(() => process.exit(exitCode), exitTimeoutMs)
    new Promise((resolve) => resolve(stop(reason, exitCode))).catch((error: unknown) => {
      guarded(() => logger.error('stop failed', { error }))
      process.exit(exitCode)
    })
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
    limits.warning(() => guarded(() => logger.warn('process warning', { name, warning: message })))
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

function requireOptions(options: Required<ProcessErrorsOptions>): void {
  const { logger, unhandledRejection, uncaughtException, exitCode, maxLinesPerSecond } = options
  const isLogger = hasMethods(logger, 'warn', 'error')
  requireOption(isLogger, 'logger', 'a logger with warn() and error()', logger)
  requireFunction('stop', options.stop)
  requireFunction('onError', options.onError)
  requireOneOf('unhandledRejection', unhandledRejection, ['log', 'exit'])
  requireOneOf('uncaughtException', uncaughtException, ['exit', 'dangerouslyContinue'])
  const isExitCode = Number.isInteger(exitCode) && exitCode > 0 && exitCode < 256
  requireOption(isExitCode, 'exitCode', 'from 1 to 255', exitCode)
  requireMilliseconds('exitTimeoutMs', options.exitTimeoutMs, 1)
  const isCount = Number.isInteger(maxLinesPerSecond) && maxLinesPerSecond > 0
  requireOption(isCount, 'maxLinesPerSecond', 'a whole number above 0', maxLinesPerSecond)
}

function requireOneOf(option: string, value: unknown, allowed: readonly string[]): void {
  const requirement = allowed.map((name) => `"${name}"`).join(' or ')
  requireOption(allowed.includes(value as string), option, requirement, value)
}
