import { sendRpcError } from '@mcp-prod/rpc'
import type { Request, RequestHandler, Response } from 'express'
import { type RateLimitInfo, rateLimit } from 'express-rate-limit'
import { announce, type Policy } from './fields.js'
import { boundedStore, weightedKey } from './store.js'

export interface LimiterOptions extends Policy {
  maxKeys: number
  /** Whose quota a request takes from, and how many units. */
  chargeOf(req: Request): { id: string; units: number }
  onLimited: ((req: Request) => unknown) | undefined
}

/** What the two layers share: express-rate-limit over the bounded store, the header fields and the refusal. */
export function limiter(options: LimiterOptions): RequestHandler {
  const { windowMs, limit, maxKeys, chargeOf } = options
  const countRequest = rateLimit({
    windowMs,
    limit,
    store: boundedStore({ windowMs, limit, maxKeys }),
    keyGenerator(req) {
      const { id, units } = chargeOf(req)
      return weightedKey(units, id)
    },
    handler: (req, res) => refuse(req, res, options),
    // `announce` writes them, without the SHA-256 of the key that its draft-8 costs each request.
    standardHeaders: false,
    legacyHeaders: false,
    // The store cannot fail; if one ever does, a limiter must not take down what it protects.
    passOnStoreError: true,
    // The checks of single requests write to the console, once: `addressKey` refuses what matters instead.
    validate: { default: false, creationStack: true },
    logger: { warn: ignore, error: failAtCreation },
  })

  return function limiterMiddleware(req, res, next) {
    return countRequest(req, res, (error?: unknown) => {
      if (error !== undefined) return next(error)
      announce(res, options, countOf(req))
      next()
    })
  }
}

function refuse(req: Request, res: Response, options: LimiterOptions): void {
  const { layer, windowMs, limit, onLimited } = options
  const count = countOf(req)
  const retryAfterSeconds = announce(res, options, count)
  if (!res.headersSent) {
    res.setHeader('Retry-After', String(retryAfterSeconds))
    if (hasUnreadBody(req)) res.setHeader('Connection', 'close')
  }
  if (onLimited) {
    Promise.resolve()
      .then(() => onLimited(req))
      .catch(ignore)
  }
  const units = count.used - limit
  const hint =
    units > limit
      ? `this asks for ${units} units, more than the whole limit of ${limit}; send a smaller batch`
      : `the limit of ${limit} in ${windowMs / 1000} s is used up; retry after ${retryAfterSeconds} s`
  sendRpcError(req, res, 429, {
    code: 429,
    message: `Too Many Requests: ${hint}`,
    data: { policy: layer, limit, windowMs, retryAfterSeconds },
  })
}

/** The one public property on the request: express-rate-limit's, of the layer passed last. */
function countOf(req: Request): RateLimitInfo {
  return (req as Request & { rateLimit: RateLimitInfo }).rateLimit
}

/** Node would read such a body to its end to keep the connection, however long the client makes it. */
function hasUnreadBody(req: Request): boolean {
  const { 'transfer-encoding': encoding, 'content-length': length = '0' } = req.headers
  return !req.complete && (encoding !== undefined || length !== '0')
}

/** A limiter made anew for each request would count nothing. */
function failAtCreation(problem: unknown): void {
  if ((problem as { code?: unknown }).code !== 'ERR_ERL_CREATED_IN_REQUEST_HANDLER') return
  const error = new TypeError(
    '@mcp-prod/ratelimit: create limiters at start-up, not while a request is handled',
  )
  throw Object.assign(error, { code: 'ERR_RATELIMIT_OPTION' })
}

function ignore(): void {}
