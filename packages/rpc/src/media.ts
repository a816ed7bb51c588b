import type { Request } from 'express'

const CHARSET = /^charset\s*=/
const UTF8 = /^charset=(utf-?8|"utf-?8")$/

/** What about the body's headers rules it out, or undefined: it must be plain `application/json` in UTF-8. */
export function unsupportedMedia(req: Request): string | undefined {
  const [media, ...parameters] = (req.headers['content-type'] ?? '')
    .split(';')
    .map((part) => part.trim().toLowerCase())
  const encoding = req.headers['content-encoding'] ?? 'identity'
  if (media !== 'application/json') return 'Content-Type must be application/json'
  if (parameters.some((parameter) => CHARSET.test(parameter) && !UTF8.test(parameter))) {
    return 'the charset must be utf-8'
  }
  // A compressed body could be a thousand times its size once inflated, and no MCP client sends one.
  if (encoding.toLowerCase() !== 'identity') return 'Content-Encoding must be identity'
  return undefined
}
