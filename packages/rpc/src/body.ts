import type { Request, RequestHandler, Response } from 'express'
import { parse } from 'secure-json-parse'
import { bodyBudget } from './body-budget.js'
import type { RpcError } from './error.js'
import { excessOf } from './measure.js'
import { unsupportedMedia } from './media.js'
import { positiveInteger } from './options.js'
import { readBytes } from './read.js'
import { refuseUpload } from './refuse.js'

export interface JsonBodyOptions {
  /** Largest body accepted, in bytes. @default 4194304 (4 MiB) */
  maxBytes?: number
  /**
   * Bytes that all bodies together may hold, from their first byte to the end of their answer; more get 503. Of each
   * body the first 16 KiB do not count. @default eight times `maxBytes`
   */
  maxTotalBytes?: number
  /** Deepest nesting of objects and arrays accepted, in levels. @default 64 */
  maxDepth?: number
  /** Most members that all objects of the body may have together. @default 10000 */
  maxKeys?: number
  /** Most members and items that all objects and arrays may have together. @default 100000 */
  maxItems?: number
  /** Most entries a JSON-RPC batch may have. @default 100 */
  maxBatch?: number
}

interface Refusal extends RpcError {
  status: number
}

const MAX_ID_CHARS = 1024

// The parser drops a byte order mark itself; dropped here as well, a second one would pass.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
// What an attack sends: harmless as an own property of the body, but in a copy of it `__proto__` becomes the
// prototype, and in a merge either changes everybody's.
const harmless = { protoAction: 'remove', constructorAction: 'remove' } as const

/**
 * Reads the body of a POST into `req.body`, once, and refuses what is no JSON-RPC message with JSON-RPC:
 * 415 for another media type, charset or a compressed body; 413 over `maxBytes`; 503 with `Retry-After` over
 * `maxTotalBytes`; -32700 for bad UTF-8 or JSON; -32600 for an empty body, a scalar, an id of more than 1,024 characters,
 * or one over `maxDepth`, `maxKeys`, `maxItems` or `maxBatch`.
 * `__proto__` keys are removed at every level, and each `constructor` that has a `prototype`.
 * A body refused before its end is answered at once and the connection closed. A body that another parser has put
 * into `req.body` is checked for its shape and batch size only, and not cleaned. Anything but POST passes untouched.
 *
 * @throws TypeError `ERR_RPC_OPTION` when an option is not a positive integer.
 */
export function jsonBody(options: JsonBodyOptions = {}): RequestHandler {
  const { maxBytes = 4 * 1024 * 1024, maxTotalBytes = 8 * maxBytes, maxBatch = 100 } = options
  const { maxDepth = 64, maxKeys = 10_000, maxItems = 100_000 } = options
  positiveInteger('maxBytes', maxBytes)
  positiveInteger('maxTotalBytes', maxTotalBytes)
  positiveInteger('maxDepth', maxDepth)
  positiveInteger('maxKeys', maxKeys)
  positiveInteger('maxItems', maxItems)
  positiveInteger('maxBatch', maxBatch)

  const lease = bodyBudget(maxTotalBytes)

  async function read(req: Request, res: Response): Promise<Refusal | undefined> {
    const unsupported = unsupportedMedia(req)
    if (unsupported) return refusal(415, 415, `Unsupported Media Type: ${unsupported}`)
    const bytes = await readBytes(req, maxBytes, lease(res))
    if (bytes === 'consumed') throw consumedError()
    if (bytes === 'too large') return refusal(413, 413, `The body has more than ${maxBytes} bytes`)
    if (bytes === 'no room') {
      res.set('Retry-After', '1')
      return refusal(503, 503, 'The server holds too many large bodies just now; try again')
    }
    if (bytes === 'aborted') return refusal(400, -32700, 'Parse error: the body ended early')
    if (bytes.length === 0) return invalidRequest('the body is empty; send one JSON-RPC message')
    let body: unknown
    try {
      const text = utf8.decode(bytes)
      const excess = excessOf(text, { maxDepth, maxKeys, maxItems })
      if (excess) return invalidRequest(`the body ${excess}`)
      body = parse(text, harmless)
    } catch {
      return refusal(400, -32700, 'Parse error: the body is not valid JSON in UTF-8')
    }
    const misshapen = wrongShape(body, maxBatch)
    if (!misshapen) req.body = body
    return misshapen
  }

  return async function jsonBodyMiddleware(req, res, next) {
    if (req.method !== 'POST') {
      // Nobody will read it, so its sender must not go on.
      if (!req.complete && hasBody(req)) res.set('Connection', 'close')
      return next()
    }
    const refused = req.body === undefined ? await read(req, res) : wrongShape(req.body, maxBatch)
    if (refused) refuseUpload(req, res, refused.status, refused, maxBytes)
    else next()
  }
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0
}

function wrongShape(body: unknown, maxBatch: number): Refusal | undefined {
  if (typeof body !== 'object' || body === null || Buffer.isBuffer(body)) {
    return invalidRequest('the body must be a JSON-RPC message or a batch of them')
  }
  if (!Array.isArray(body)) return wrongId(body)
  if (body.length === 0) return invalidRequest('the batch is empty')
  if (body.length > maxBatch) return invalidRequest(`the batch has more than ${maxBatch} entries`)
  for (const entry of body) {
    const wrong = wrongId(entry)
    if (wrong) return wrong
  }
  return undefined
}

/** An id comes back in the answer: a long one would hold memory until its sender takes it. */
function wrongId(entry: unknown): Refusal | undefined {
  const { id } = (entry ?? {}) as { id?: unknown }
  if (typeof id !== 'string' || id.length <= MAX_ID_CHARS) return undefined
  return invalidRequest(`an id has more than ${MAX_ID_CHARS} characters`)
}

function refusal(status: number, code: number, message: string): Refusal {
  return { status, code, message }
}

function invalidRequest(message: string): Refusal {
  return refusal(400, -32600, `Invalid Request: ${message}`)
}

function consumedError(): Error {
  const error = new Error(
    '@mcp-prod/rpc: the body was read before jsonBody() and not put into req.body; mount jsonBody() first',
  )
  return Object.assign(error, { code: 'ERR_RPC_BODY_CONSUMED' })
}
