import type { Request } from 'express'

/** `missing` when no bearer token was sent at all. */
export type HeaderFault = 'missing' | 'malformed' | 'repeated'

/** `Bearer` as the whole scheme: no further character of an RFC 9110 token follows. */
const BEARER = /^bearer(?![\w!#$%&'*+.^`|~-])/i
/** RFC 6750 §2.1 b64token. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/
const TOKEN_START = 'Bearer '.length

/**
 * The bearer token of the Authorization header, the one place it is taken from.
 *
 * Stricter than RFC 6750 §2.1 in one point: exactly one space may follow `Bearer`. All parsers read that alike.
 */
export function readBearer(
  req: Request,
  maxTokenBytes: number,
): { token: string } | { fault: HeaderFault } {
  // Node keeps the first of several headers; a proxy in front may have judged by another.
  if (isRepeated(req.rawHeaders)) return { fault: 'repeated' }
  const value = req.headers.authorization ?? ''
  if (!BEARER.test(value)) return { fault: 'missing' }
  const token = value.slice(TOKEN_START)
  // The length comes first: what follows costs time by the byte. Node hands out one character for each byte.
  if (value[TOKEN_START - 1] !== ' ' || token.length > maxTokenBytes || !TOKEN.test(token)) {
    return { fault: 'malformed' }
  }
  return { token }
}

function isRepeated(rawHeaders: readonly string[]): boolean {
  let found = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    if (name?.length === 13 && name.toLowerCase() === 'authorization') found++
  }
  return found > 1
}
