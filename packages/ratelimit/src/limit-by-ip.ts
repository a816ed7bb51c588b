import type { Request, RequestHandler } from 'express'
import { addressKey } from './address.js'
import { limiter } from './limiter.js'
import { ipv6PrefixLength, optionalFunction, positiveInteger } from './options.js'

export interface LimitByIpOptions {
  /** Milliseconds in which a used-up quota is whole again. @default 60000 */
  windowMs?: number
  /** Requests an address may make at once, and again in each `windowMs`. @default 600 */
  limit?: number
  /** Most addresses counted one by one; further ones share 1024 buckets. @default 100000 */
  maxClients?: number
  /** Bits of an IPv6 address that make one client, from 32 to 64. @default 56 */
  ipv6Prefix?: number
  /** Called for each refused request: for the log and the metrics. What it throws is ignored. */
  onLimited?: (req: Request, layer: 'ip') => unknown
}

/**
 * Limits requests per address, before authentication and before a body is read: 429 as JSON-RPC with `Retry-After`
 * (RFC 9110 §10.2.3), and the `RateLimit` fields of draft-ietf-httpapi-ratelimit-headers-08 on every answer.
 * A refused request does not count. The address is Express's `req.ip`: set `trust proxy` to what stands in front.
 *
 * @throws TypeError `ERR_RATELIMIT_OPTION` for a wrong option, or when created while a request is handled.
 * Requests fail with `ERR_RATELIMIT_TRUST_PROXY` while `trust proxy` trusts everyone.
 */
export function limitByIp(options: LimitByIpOptions = {}): RequestHandler {
  const {
    windowMs = 60_000,
    limit = 600,
    maxClients = 100_000,
    ipv6Prefix = 56,
    onLimited,
  } = options
  positiveInteger('windowMs of limitByIp', windowMs, 'milliseconds')
  positiveInteger('limit of limitByIp', limit, 'requests')
  positiveInteger('maxClients of limitByIp', maxClients, 'addresses')
  ipv6PrefixLength('ipv6Prefix of limitByIp', ipv6Prefix)
  optionalFunction('onLimited of limitByIp', onLimited)
  const keyOf = addressKey(ipv6Prefix)
  const limited = limiter({
    layer: 'ip',
    windowMs,
    limit,
    maxKeys: maxClients,
    chargeOf: (req) => ({ id: keyOf(req), units: 1 }),
    onLimited: onLimited && ((req) => onLimited(req, 'ip')),
  })

  return function limitByIpMiddleware(req, res, next) {
    return limited(req, res, next)
  }
}
