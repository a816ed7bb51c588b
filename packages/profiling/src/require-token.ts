import { createHash, timingSafeEqual } from 'node:crypto'
import type { Request, RequestHandler } from 'express'
import { requireOption } from './options.js'

const MIN_CHARS = 16
/** Longer than any token that is typed or stored; what is longer is not even hashed. */
const MAX_CHARS = 1024

/**
 * Lets through who sends the token as `Authorization: Bearer`, and answers 401 to all others. A token in the URL, where logs
 * and histories keep it, is not looked at; nor is any when several `Authorization` headers came, of which a proxy may have
 * judged another.
 *
 * @param options `onRefused` is told of each request without the token, for the audit; what it throws is ignored.
 * @throws TypeError `ERR_PROFILING_OPTION` for a token of less than 16 visible ASCII characters.
 */
export function requireToken(
  token: string,
  options: { onRefused?: ((req: Request) => void) | undefined } = {},
): RequestHandler {
  const { onRefused } = options
  const isText = typeof token === 'string'
  const requirement = `${MIN_CHARS} to ${MAX_CHARS} visible ASCII characters, without spaces: make one with \`openssl rand -hex 32\``
  const isToken = isText && token.length <= MAX_CHARS && /^[\x21-\x7e]{16,}$/.test(token)
  requireOption(isToken, 'token', requirement, isText ? `${token.length} characters` : typeof token)
  const expected = hash(token)

  return function requireTokenMiddleware(req, res, next) {
    const given = bearerOf(req)
    // Hashes have one length, so the comparison tells nothing of the token's.
    if (given !== undefined && timingSafeEqual(hash(given), expected)) return next()
    try {
      onRefused?.(req)
    } catch {
      // Who only watches must not decide what is answered.
    }
    const challenge = `Bearer realm="debug"${given === undefined ? '' : ', error="invalid_token"'}`
    // What is still being sent is not read.
    if (hasBody(req)) res.set('Connection', 'close')
    res.set({ 'WWW-Authenticate': challenge, 'Cache-Control': 'no-store' }).status(401)
    res.json({ error: 'send the token as one `Authorization: Bearer` header' })
  }
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function bearerOf(req: Request): string | undefined {
  const headers = req.headersDistinct.authorization ?? []
  const [, token] = /^Bearer +([\x21-\x7e]+)$/i.exec(headers[0] ?? '') ?? []
  return headers.length === 1 && token !== undefined && token.length <= MAX_CHARS
    ? token
    : undefined
}
