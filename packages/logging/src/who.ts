import type { Request } from 'express'

/** Most characters of a text that the caller chose. */
const MAX_CHARS = 128

export interface Who {
  principal?: string | undefined
  tenant?: string | undefined
  client?: string | undefined
  remoteAddress?: string | undefined
}

function authOf(req: Request) {
  return (req as { auth?: { clientId?: unknown; extra?: Record<string, unknown> } }).auth
}

/** Who asks, as the authentication left it: `req.auth.extra.principal`, else `req.auth.clientId`. */
export function principalOfAuth(req: Request): string | undefined {
  const auth = authOf(req)
  return cutText(auth?.extra?.principal) ?? cutText(auth?.clientId)
}

/**
 * Who asks, on whose behalf, and through which OAuth client or API key. Undefined where unknown: `addLogFields` may know.
 * Never throws.
 */
export function whoAsks(
  req: Request,
  remoteAddress: string | undefined,
  principalOf: (req: Request) => string | undefined,
): Who {
  const who: Who = { remoteAddress, principal: undefined, tenant: undefined, client: undefined }
  try {
    who.principal = cutText(principalOf(req))
  } catch {}
  try {
    const auth = authOf(req)
    who.client = cutText(auth?.clientId)
    who.tenant = cutText(auth?.extra?.tenant)
  } catch {}
  return who
}

/** Text alone: anything else could say something new each time it is asked. */
export function cutText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? cut(value) : undefined
}

export function cut(text: string): string {
  return text.slice(0, MAX_CHARS)
}

/** Listeners run outside of any request: what they throw would end the process. */
export function attempt<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}
