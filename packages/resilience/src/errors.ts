interface ErrorContext {
  cause?: unknown
}

/** What every error of this package is. `code` and `transient` are stable, the text is for people. */
export abstract class ResilienceError extends Error {
  abstract readonly code: string
  /** Whether the same call may well succeed a little later; what `isTransient` goes by. */
  readonly transient: boolean

  constructor(message: string, transient: boolean, context: ErrorContext = {}) {
    super(`@mcp-prod/resilience: ${message}`, context)
    this.transient = transient
  }
}

/** Time ran out: that of one attempt, or of the whole run with its waits and retries. */
export class TimeoutError extends ResilienceError {
  override name = 'TimeoutError'
  readonly code = 'ERR_RESILIENCE_TIMEOUT'
  readonly scope: 'attempt' | 'total'

  constructor(what: string, scope: 'attempt' | 'total', timeoutMs: number) {
    super(`${what}: ${scope} timeout of ${Math.round(timeoutMs)} ms`, scope === 'attempt')
    this.scope = scope
  }
}

/** The breaker is open: nothing was tried. `cause` is the failure that it saw last. */
export class OpenError extends ResilienceError {
  override name = 'OpenError'
  readonly code = 'ERR_RESILIENCE_OPEN'
  /** Milliseconds after which trying again makes sense. */
  readonly retryAfterMs: number

  constructor(what: string, retryAfterMs: number, context: ErrorContext = {}) {
    super(`${what}: left alone after too many failures`, false, context)
    this.retryAfterMs = retryAfterMs
  }
}

/** As many calls run and wait as may: nothing was tried. */
export class FullError extends ResilienceError {
  override name = 'FullError'
  readonly code = 'ERR_RESILIENCE_FULL'

  constructor(what: string) {
    super(`${what}: too many calls at once`, false)
  }
}

/** Dependencies that did not come up while `waitFor` waited. */
export class NotReadyError extends ResilienceError {
  override name = 'NotReadyError'
  readonly code = 'ERR_RESILIENCE_NOT_READY'
  /** One line for each dependency: its name and what it failed with last. Credentials in URLs are hidden. */
  readonly faults: readonly string[]

  constructor(faults: readonly string[], context: ErrorContext = {}) {
    super(['not ready to start', ...faults].join('\n'), false, context)
    this.faults = faults
  }
}
