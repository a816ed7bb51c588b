import type { Request } from 'express'

/** Who is calling: the MCP SDK's `AuthInfo`, member for member, so that its transports take it as it is. */
export interface AuthInfo {
  /** Never the token itself: `authenticate` puts `[redacted]` here. */
  token: string
  /** The client or, for an API key, the id of the key. */
  clientId: string
  scopes: string[]
  /** When the token expires, in seconds since 1970. */
  expiresAt?: number
  /** The RFC 8707 resource the token was issued for. */
  resource?: URL
  /** `principal` is the id of the user or service behind the token, `tenant` the organisation it belongs to. */
  extra?: Record<string, unknown>
}

/**
 * Says whom a token belongs to. A token that is not valid gives undefined, or an `InvalidTokenError` with the reason;
 * `AuthUnavailableError` when that cannot be told now. It alone judges expiry and audience, and bounds its own time.
 */
export type TokenVerifier = (token: string) => AuthInfo | undefined | Promise<AuthInfo | undefined>

/** A verifier that stands on another server. */
export interface RemoteVerifier {
  (token: string): Promise<AuthInfo>
  /** @throws Error while that server cannot be used: for a health check that is not critical. */
  check(): void
}

export const REDACTED = '[redacted]'

/** The caller that `authenticate` found; undefined before it or without it. */
export function authOf(req: Request): AuthInfo | undefined {
  return (req as { auth?: AuthInfo }).auth
}

/** The id to limit, log and account by: `auth.extra.principal`, or the client's id where it is not given. */
export function principalOf(req: Request): string | undefined {
  const auth = authOf(req)
  const principal = auth?.extra?.principal
  return typeof principal === 'string' && principal !== '' ? principal : auth?.clientId
}

/** Sets the one public property. The raw token goes no further, whatever the verifier returned. */
export function setAuth(req: Request, auth: AuthInfo): void {
  ;(req as { auth?: AuthInfo }).auth = { ...auth, token: REDACTED }
}
