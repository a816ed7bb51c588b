import { createHash } from 'node:crypto'
import { type Call, callsOf } from '@mcp-prod/rpc'
import type { Request, RequestHandler } from 'express'
import { addressKey } from './address.js'
import { limiter } from './limiter.js'
import { optionalFunction, positiveInteger } from './options.js'

export interface LimitByPrincipalOptions {
  /** Milliseconds in which a used-up quota is whole again. @default 60000 */
  windowMs?: number
  /** Units a principal may use at once, and again in each `windowMs`. @default 300 */
  limit?: number
  /** Most principals counted one by one; further ones share 1024 buckets. @default 100000 */
  maxPrincipals?: number
  /** Who asks. Without an answer the address is limited instead. @default `auth.extra.principal`, else `auth.clientId` */
  principalOf?: (req: Request) => string | undefined
  /** Units of one request or notification, 0 or more. What is called is text from the caller. @default 1 */
  costOf?: (call: Call) => number
  /** Called for each refused request: for the log and the metrics. What it throws is ignored. */
  onLimited?: (req: Request, layer: 'principal') => unknown
}

/** What is used of the SDK's `AuthInfo`. */
interface Auth {
  clientId?: string
  extra?: Record<string, unknown>
}

/** Longer ids are kept as a hash, or a provider's long names would be the memory bound. */
const LONGEST_ID = 128

/**
 * Limits what each principal asks for, after authentication and `jsonBody`. A body costs the sum of its entries,
 * as the parsed body has them (headers can lie), and is refused whole before any of them runs: 429 as JSON-RPC with
 * `Retry-After`, and the `RateLimit` fields of draft-ietf-httpapi-ratelimit-headers-08 on every answer.
 * A refused request does not count. Without a principal its address is limited by the same quota.
 *
 * @throws TypeError `ERR_RATELIMIT_OPTION` for a wrong option, or when created while a request is handled.
 * Requests fail with `ERR_RATELIMIT_COST` when `costOf` gives no number of units, `ERR_RATELIMIT_UNREAD_BODY` when
 * nothing has read their body, and `ERR_RATELIMIT_TRUST_PROXY` as those of `limitByIp`.
 */
export function limitByPrincipal(options: LimitByPrincipalOptions = {}): RequestHandler {
  const { windowMs = 60_000, limit = 300, maxPrincipals = 100_000 } = options
  const { principalOf = authenticatedPrincipal, costOf = () => 1, onLimited } = options
  positiveInteger('windowMs of limitByPrincipal', windowMs, 'milliseconds')
  positiveInteger('limit of limitByPrincipal', limit, 'units')
  positiveInteger('maxPrincipals of limitByPrincipal', maxPrincipals, 'principals')
  optionalFunction('principalOf of limitByPrincipal', principalOf)
  optionalFunction('costOf of limitByPrincipal', costOf)
  optionalFunction('onLimited of limitByPrincipal', onLimited)
  const addressOf = addressKey(56)

  /** The two kinds of id never meet: a principal may be named like an address. */
  function idOf(req: Request): string {
    const principal = principalOf(req)
    if (typeof principal !== 'string' || principal === '') return `address ${addressOf(req)}`
    if (principal.length <= LONGEST_ID) return `principal ${principal}`
    return `hashed ${createHash('sha256').update(principal).digest('base64')}`
  }

  const limited = limiter({
    layer: 'principal',
    windowMs,
    limit,
    maxKeys: maxPrincipals,
    chargeOf: (req) => ({ id: idOf(req), units: unitsOf(req, costOf) }),
    onLimited: onLimited && ((req) => onLimited(req, 'principal')),
  })

  return function limitByPrincipalMiddleware(req, res, next) {
    return limited(req, res, next)
  }
}

function authenticatedPrincipal(req: Request): string | undefined {
  const { auth } = req as { auth?: Auth }
  const principal = auth?.extra?.principal
  return typeof principal === 'string' && principal !== '' ? principal : auth?.clientId
}

/** An entry that is no call costs 1 too, and so does a request without any, such as GET: nothing is free to repeat. */
function unitsOf(req: Request, costOf: (call: Call) => number): number {
  const calls = callsOf(req)
  if (calls.length === 0) {
    refuseUnreadBody(req)
    return 1
  }
  let units = 0
  for (const call of calls) {
    units += call.kind === 'request' || call.kind === 'notification' ? checkedCost(costOf(call)) : 1
  }
  return units
}

function checkedCost(cost: unknown): number {
  if (typeof cost === 'number' && cost >= 0) return cost
  throw fault(
    'ERR_RATELIMIT_COST',
    `costOf must return a number of units, 0 or more, got ${String(cost)}`,
  )
}

/** A body that is parsed later could hold a hundred calls and would cost one unit. */
function refuseUnreadBody(req: Request): void {
  const { 'transfer-encoding': encoding, 'content-length': length = '0' } = req.headers
  if (req.method !== 'POST' || req.body !== undefined || (encoding === undefined && length === '0'))
    return
  throw fault(
    'ERR_RATELIMIT_UNREAD_BODY',
    'the body of a POST is unread; mount limitByPrincipal after jsonBody',
  )
}

function fault(code: string, message: string): TypeError {
  return Object.assign(new TypeError(`@mcp-prod/ratelimit: ${message}`), { code })
}
