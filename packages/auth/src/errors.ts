/**
 * Whether a token is valid cannot be told just now, because the authorization server does not answer: `authenticate`
 * answers 503 with `Retry-After`. A 401 would make clients throw good tokens away.
 */
export class AuthUnavailableError extends Error {
  override name = 'AuthUnavailableError'
  readonly code = 'ERR_AUTH_UNAVAILABLE'
  /** Seconds after which asking again makes sense. */
  readonly retryAfterSeconds: number

  constructor(message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    const { cause, retryAfterMs = 1000 } = options
    super(`@mcp-prod/auth: ${message}`, { cause })
    this.retryAfterSeconds = Math.max(1, Math.ceil(retryAfterMs / 1000))
  }
}

/**
 * A token that is not valid, and why: for the log and for metrics. The caller learns nothing of the reason. A
 * verifier may also just return undefined.
 */
export class InvalidTokenError extends Error {
  override name = 'InvalidTokenError'
  readonly code = 'ERR_AUTH_INVALID_TOKEN'
  /** A word of the verifier's own, never the caller's text, so that it can be a label. */
  readonly reason: string

  constructor(reason: string, options: { cause?: unknown } = {}) {
    super(`@mcp-prod/auth: the token is not valid: ${reason}`, options)
    this.reason = reason
  }
}
