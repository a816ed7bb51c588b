import type { Request, RequestHandler } from 'express'
import getRawBody from 'raw-body'
import { type RpcError, sendRpcError } from './error.js'
import { nestsDeeperThan } from './nesting.js'
import { positiveInteger } from './options.js'

export interface JsonBodyOptions {
  /** Largest body accepted, in bytes. @default 4194304 (4 MiB) */
  maxBytes?: number
  /** Deepest nesting of objects and arrays accepted, in levels. @default 64 */
  maxDepth?: number
  /** Most entries a JSON-RPC batch may have. @default 100 */
  maxBatch?: number
}

interface Refusal extends RpcError {
  status: number
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Reads the body of a POST into `req.body`, once, and refuses what is no JSON-RPC message with JSON-RPC:
 * 415 for another media type, charset or a compressed body; 413 over `maxBytes`; -32700 for bad UTF-8 or JSON;
 * -32600 for an empty body, a scalar, or one over `maxDepth` or `maxBatch`.
 * A refused body is not read to its end: the answer closes the connection.
 *
 * @throws TypeError `ERR_RPC_OPTION` when an option is not a positive integer.
 */
export function jsonBody(options: JsonBodyOptions = {}): RequestHandler {
  const { maxBytes = 4 * 1024 * 1024, maxDepth = 64, maxBatch = 100 } = options
  positiveInteger('maxBytes', maxBytes)
  positiveInteger('maxDepth', maxDepth)
  positiveInteger('maxBatch', maxBatch)

  async function read(req: Request): Promise<Refusal | undefined> {
    const unsupported = unsupportedMedia(req)
    if (unsupported) return unsupported
    const bytes = await getRawBody(req, { limit: maxBytes, length: req.headers['content-length'] })
    if (bytes.length === 0) return invalidRequest('The request body is empty; send one JSON-RPC message')
    let body: unknown
    try {
      const text = utf8.decode(bytes)
      if (nestsDeeperThan(text, maxDepth)) {
        return invalidRequest(`The request body nests deeper than ${maxDepth} levels`)
      }
      body = JSON.parse(text)
    } catch {
      return { status: 400, code: -32700, message: 'Parse error: the request body is not valid UTF-8 JSON' }
    }
    const shape = unacceptableShape(body, maxBatch)
    if (shape) return shape
    req.body = body
    return undefined
  }

  return async function jsonBodyMiddleware(req, res, next) {
    if (req.method !== 'POST' || req.body !== undefined) return next()
    try {
      const refusal = await read(req)
      if (!refusal) return next()
      if (!req.complete) res.set('Connection', 'close')
      sendRpcError(req, res, refusal.status, refusal)
    } catch (error) {
      const { type } = error as { type?: string }
      if (type === undefined) return next(error)
      res.set('Connection', 'close')
      if (type === 'entity.too.large') {
        sendRpcError(req, res, 413, {
          code: 413,
          message: `The request body is larger than ${maxBytes} bytes`,
        })
      } else {
        // An aborted or mis-sized upload: whoever sent it is most likely gone.
        sendRpcError(req, res, 400, { code: -32700, message: 'Parse error: the request body ended early' })
      }
    }
  }
}

function unsupportedMedia(req: Request): Refusal | undefined {
  const type = req.headers['content-type'] ?? ''
  const [media = '', ...parameters] = type.split(';').map((part) => part.trim().toLowerCase())
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))
  const encoding = req.headers['content-encoding'] ?? 'identity'
  if (media !== 'application/json') return unsupportedMediaType('Content-Type must be application/json')
  if (charset && !/^charset="?utf-?8"?$/.test(charset))
    return unsupportedMediaType('The charset must be utf-8')
  // A compressed body could be a thousand times its size once inflated, and no MCP client sends one.
  if (encoding !== 'identity') return unsupportedMediaType('Content-Encoding must be identity')
  return undefined
}

function unacceptableShape(body: unknown, maxBatch: number): Refusal | undefined {
  if (typeof body !== 'object' || body === null) {
    return invalidRequest('The request body must be a JSON-RPC message or a batch of them')
  }
  if (!Array.isArray(body)) return undefined
  if (body.length === 0) return invalidRequest('The batch is empty')
  if (body.length > maxBatch) return invalidRequest(`The batch has more than ${maxBatch} entries`)
  return undefined
}

function invalidRequest(message: string): Refusal {
  return { status: 400, code: -32600, message: `Invalid Request: ${message}` }
}

function unsupportedMediaType(message: string): Refusal {
  return { status: 415, code: 415, message: `Unsupported Media Type: ${message}` }
}
