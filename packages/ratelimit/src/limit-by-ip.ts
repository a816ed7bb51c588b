import type { Request, RequestHandler } from 'express'
import { rateLimit } from 'express-rate-limit'
import { addressKey } from './address.js'
import { type Deferred, defer } from './deferred.js'
import { announce, type Counted, correct } from './fields.js'
import { memoryMeters } from './memory-meters.js'
import { catchUp, meterStore, readingFor } from './meter-store.js'
import type { Meters } from './meters.js'
import {
  createdInRequest,
  keyCount,
  metersOrNone,
  optionalFunction,
  wholeNumber,
} from './options.js'
import { type LimitedDetails, refuse } from './refuse.js'
import { tell } from './tell.js'
import { failed } from './unavailable.js'

export interface LimitByIpOptions {
  /** Milliseconds in which a used-up quota is whole again. @default 60000 */
  windowMs?: number
  /** Requests an address may make at once, and again in each `windowMs`. @default 600 */
  limit?: number
  /** Most addresses counted one by one, 10000000 at most; further ones share 1024 buckets. @default 100000 */
  maxClients?: number
  /** Bits of an IPv6 address that make one client, from 32 to 64. @default 56 */
  ipv6Prefix?: number
  /**
   * Where requests are counted; the same as those of `limitByPrincipal` if they are `shared`.
   * @default in this process, at most `maxClients` addresses
   */
  meters?: Meters
  /** Called for each refused request: for the log and the metrics. What it throws is ignored. */
  onLimited?: (req: Request, layer: 'ip', details: LimitedDetails) => unknown
}

/**
 * Limits requests per address, before authentication and before a body is read: 429 as JSON-RPC with `Retry-After`
 * (RFC 9110 §10.2.3), and the `RateLimit` fields of draft-ietf-httpapi-ratelimit-headers-08 on every answer.
 * A refused request does not count. With `shared` meters it refuses what it knows to be refused and leaves the rest to
 * `limitByPrincipal`, or to the end of the request. The address is Express's `req.ip`: set `trust proxy` to what stands in front.
 *
 * @throws TypeError `ERR_RATELIMIT_OPTION` for a wrong option, or when created while a request is handled.
 * Requests fail with `ERR_RATELIMIT_TRUST_PROXY` while `trust proxy` trusts everyone, and with `ERR_RATELIMIT_METERS`
 * when `meters` of your own give no verdict.
 */
export function limitByIp(options: LimitByIpOptions = {}): RequestHandler {
  const { windowMs = 60_000, limit = 600, maxClients = 100_000, ipv6Prefix = 56 } = options
  const { meters, onLimited } = options
  wholeNumber('windowMs of limitByIp', windowMs, 'milliseconds')
  wholeNumber('limit of limitByIp', limit, 'requests')
  keyCount('maxClients of limitByIp', maxClients, 'addresses')
  // A customer of an IPv6 network holds a /64 at the least and often a /56 or /48; behind a /32 are whole providers.
  wholeNumber('ipv6Prefix of limitByIp', ipv6Prefix, 'bits', 32, 64)
  metersOrNone('meters of limitByIp', meters)
  optionalFunction('onLimited of limitByIp', onLimited)
  const networkOf = addressKey(ipv6Prefix)
  const shared = meters?.shared ? meters : undefined
  const local = memoryMeters(maxClients)
  const listener = onLimited && ((req: Request, told: LimitedDetails) => onLimited(req, 'ip', told))

  function countedFor(req: Request): Counted {
    const { key, reading } = readingFor(req)
    return { charge: { layer: 'ip', key, units: 1, limit, windowMs }, reading }
  }

  const count = rateLimit({
    windowMs,
    limit,
    store: meterStore(shared ? local : (meters ?? local), { limit, windowMs }),
    keyGenerator: (req) => `ip ${networkOf(req)}`,
    handler(req, res) {
      const counted = countedFor(req)
      announce(res, counted)
      const details = refuse(req, res, counted)
      if (listener) tell(() => listener(req, details))
    },
    // `announce` writes them, for all layers in one list and without the SHA-256 of the key that draft-8 costs here.
    standardHeaders: false,
    legacyHeaders: false,
    passOnStoreError: false,
    // The other checks write to the console, once: `addressKey` refuses what matters instead.
    validate: { default: false, creationStack: true },
    logger: { warn() {}, error: failAtCreation },
  })

  return function limitByIpMiddleware(req, res, next) {
    return count(req, res, (error?: unknown) => {
      if (error !== undefined) return failed(req, res, next, error)
      const announced = countedFor(req)
      announce(res, announced)
      if (shared) {
        const { charge } = announced
        const learn: Deferred['learn'] = (answer, reading) => {
          catchUp(local, charge, reading)
          correct(answer, announced, { charge, reading })
        }
        defer(req, res, { meters: shared, charge, learn, onLimited: listener })
      }
      next()
    })
  }
}

/** Of what the library tells, this alone stops a start: a limiter made anew for each request would count nothing. */
function failAtCreation(problem: unknown): void {
  if ((problem as { code?: unknown }).code === 'ERR_ERL_CREATED_IN_REQUEST_HANDLER')
    throw createdInRequest()
}
