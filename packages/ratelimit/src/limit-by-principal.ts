import type { Call } from '@mcp-prod/rpc'
import type { Request, RequestHandler } from 'express'
import { calledTool, checkedToolOf } from './called-tool.js'
import { chargesOf } from './charges.js'
import { limiter } from './limiter.js'
import { memoryMeters } from './memory-meters.js'
import type { Meters } from './meters.js'
import {
  keyCount,
  metersOrNone,
  optionalFunction,
  refuseInRequest,
  wholeNumber,
  wrongOption,
} from './options.js'
import { authenticatedPrincipal, principalKey } from './principal-key.js'
import { type Plan, quotasOf, type ToolLimits, wrongToolLimits } from './quota.js'
import type { LimitedDetails } from './refuse.js'

export interface LimitByPrincipalOptions {
  /** Milliseconds in which a used-up quota is whole again. @default 60000 */
  windowMs?: number
  /** Units a principal may use at once, and again in each `windowMs`. @default 300 */
  limit?: number
  /** Calls of a tool that each principal may make, besides the units they cost; by what `toolOf` names. @default none */
  toolLimits?: ToolLimits
  /** What this principal has instead; undefined for the above. @default none */
  planOf?: (req: Request) => Plan | undefined
  /**
   * Most principals, and tools of principals, counted one by one, 10000000 at most; further ones share 1024 buckets.
   * @default 100000
   */
  maxPrincipals?: number
  /** Who asks, in its `auth.extra.tenant`. Without an answer the address is limited instead. @default `auth.extra.principal`, else `auth.clientId` */
  principalOf?: (req: Request) => string | undefined
  /** Units of one request or notification, 0 or more. What is called is text from the caller. @default 1 */
  costOf?: (call: Call) => number
  /**
   * What a call counts as in `toolLimits`, also of a prompt or a resource: `nameOf` of the definitions of `@mcp-prod/tools`.
   * @default `params.name` of `tools/call`
   */
  toolOf?: (call: Call) => string | undefined
  /** Where units are counted. @default in this process, at most `maxPrincipals` keys */
  meters?: Meters
  /** Called for each refused request: for the log and the metrics. What it throws is ignored. */
  onLimited?: (req: Request, layer: 'principal' | 'tool', details: LimitedDetails) => unknown
}

/**
 * Limits what each principal asks for, and what it calls of each tool, after authentication and `jsonBody`. A body
 * costs the sum of its entries, as the parsed body has them (headers can lie), and is refused whole before any of
 * them runs: 429 as JSON-RPC with `Retry-After`, or 413 when it asks for more than a whole quota, and the `RateLimit` fields of
 * draft-ietf-httpapi-ratelimit-headers-08 on every answer. A refused request counts nowhere, but for its address with `shared`
 * meters. Without a principal its address is limited by the same quotas.
 *
 * @throws TypeError `ERR_RATELIMIT_OPTION` for a wrong option, or when created while a request is handled.
 * Requests fail with `ERR_RATELIMIT_COST` when `costOf` gives no number of units, `ERR_RATELIMIT_NAME` when `toolOf` gives no name, `ERR_RATELIMIT_PLAN` when `planOf` gives
 * no plan, `ERR_RATELIMIT_UNREAD_BODY` when nothing has read their body, and `ERR_RATELIMIT_TRUST_PROXY` and
 * `ERR_RATELIMIT_METERS` as those of `limitByIp`.
 */
export function limitByPrincipal(options: LimitByPrincipalOptions = {}): RequestHandler {
  const { windowMs = 60_000, limit = 300, toolLimits, maxPrincipals = 100_000 } = options
  const {
    planOf = () => undefined,
    principalOf = authenticatedPrincipal,
    costOf = () => 1,
    toolOf = calledTool,
  } = options
  const { meters, onLimited } = options
  wholeNumber('windowMs of limitByPrincipal', windowMs, 'milliseconds')
  wholeNumber('limit of limitByPrincipal', limit, 'units')
  keyCount('maxPrincipals of limitByPrincipal', maxPrincipals, 'principals')
  const wrong = toolLimits === undefined ? undefined : wrongToolLimits(toolLimits)
  if (wrong) throw wrongOption(`toolLimits of limitByPrincipal ${wrong}`)
  optionalFunction('planOf of limitByPrincipal', planOf)
  optionalFunction('principalOf of limitByPrincipal', principalOf)
  optionalFunction('costOf of limitByPrincipal', costOf)
  optionalFunction('toolOf of limitByPrincipal', toolOf)
  metersOrNone('meters of limitByPrincipal', meters)
  optionalFunction('onLimited of limitByPrincipal', onLimited)
  refuseInRequest()
  const keyOf = principalKey(principalOf)
  const nameOf = checkedToolOf(toolOf)
  const base = { limit, windowMs, toolLimits }

  const limited = limiter({
    meters: meters ?? memoryMeters(maxPrincipals),
    chargesOf: (req) => chargesOf(req, keyOf(req), quotasOf(planOf(req), base), costOf, nameOf),
    onLimited:
      onLimited &&
      ((req, details) => onLimited(req, details.policy === 'tool' ? 'tool' : 'principal', details)),
  })

  return function limitByPrincipalMiddleware(req, res, next) {
    return limited(req, res, next)
  }
}
