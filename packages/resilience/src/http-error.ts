import { ResilienceError } from './errors.js'
import { isTransient } from './transient.js'

export interface HttpErrorContext {
  cause?: unknown
  /** @default what `cause` is by `isTransient` */
  transient?: boolean
  status?: number
  retryAfterMs?: number | undefined
}

/**
 * A request that was refused here or got no answer that can be used. Its text names method, origin and path, never query,
 * credentials or content.
 */
export class HttpError extends ResilienceError {
  override name = 'HttpError'
  readonly code = 'ERR_RESILIENCE_HTTP'
  /** Of the answer, where there was one. */
  readonly status: number | undefined
  /** Milliseconds that the answer asks to wait. */
  readonly retryAfterMs: number | undefined

  constructor(what: string, problem: string, context: HttpErrorContext = {}) {
    const { cause, transient = isTransient(cause), status, retryAfterMs } = context
    super(`${what}: ${problem}`, transient, cause === undefined ? {} : { cause })
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

/** An error of the network, in words. */
export function problemOf(error: unknown): string {
  const { code, message, errors } = error as NodeJS.ErrnoException & { errors?: Error[] }
  // When all addresses of a name fail, the error itself has no text.
  const text = message || (errors ?? []).map((one) => one.message).join(', ')
  const [line = ''] = text.split('\n')
  return code && !line.includes(code) ? `${code}: ${line}` : line
}
