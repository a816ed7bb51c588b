import type { Call } from '@mcp-prod/rpc'
import type { Request, RequestHandler } from 'express'
import { calledTool, checkedToolOf } from './called-tool.js'
import { claimOf } from './claim.js'
import { isOver } from './exchange-end.js'
import { lateRefusals } from './late-refusals.js'
import { isRecord, optionalFunction, refuseInRequest, wholeNumber, wrongOption } from './options.js'
import { authenticatedPrincipal, principalKey } from './principal-key.js'
import { type BusyDetails, refuseBusy, refuseTooLarge } from './refuse-busy.js'
import { tell } from './tell.js'
import { turnstile } from './turnstile.js'

export interface LimitConcurrencyOptions {
  /** Calls that may run at once in this process. @default 64 */
  limit?: number
  /** Of these, calls of one principal; a function for plans that differ. @default half of `limit`, rounded up */
  perPrincipal?: number | ((req: Request) => number)
  /** Calls of one tool, by what `toolOf` names; a tool without a cap has that of the process alone. @default none */
  perTool?: Readonly<Record<string, number>> | ((tool: string) => number | undefined)
  /** Calls that may wait for a slot; 0 for none. @default half of `limit`, rounded up */
  maxQueue?: number
  /** Milliseconds that a call may wait for a slot, and then for the event loop, at most 60000. @default 1000 */
  queueTimeoutMs?: number
  /** Milliseconds of each turn of the event loop in which calls begin; the rest wait, in turn between principals. @default 10 */
  maxTurnMs?: number
  /** As `queueTimeoutMs`, for the event loop, when that has left calls waiting for all of `queueTimeoutMs`. @default 200 */
  maxDelayMs?: number
  /** Milliseconds after which a caller is told that its own calls are in the way, 0 to 10000; half to one and a half of it. @default 1000 */
  refusalDelayMs?: number
  /** Who asks, in its `auth.extra.tenant`. Without an answer the address counts instead. @default `auth.extra.principal`, else `auth.clientId` */
  principalOf?: (req: Request) => string | undefined
  /**
   * What a call counts as in `perTool`, also of a prompt or a resource: `nameOf` of the definitions of `@mcp-prod/tools`.
   * @default `params.name` of `tools/call`
   */
  toolOf?: (call: Call) => string | undefined
  /** Milliseconds until the request's own deadline, which no wait for a place outlasts; undefined without one. @default none */
  remainingMs?: (req: Request) => number | undefined
  /** Called for each refused request: for the log and the metrics. What it throws is ignored. */
  onLimited?: (req: Request, layer: 'concurrency', details: BusyDetails) => unknown
}

export interface ConcurrencyLimit {
  /** Mount it after authentication and `jsonBody`, last before what runs the calls. */
  middleware: RequestHandler
  /** For metrics: calls that run and wait now, the cap of the process, and of how many principals and tools it keeps count. */
  state(): { running: number; queued: number; limit: number; tracked: number }
}

/**
 * Caps the calls that run at once: of the process, of each principal and of each tool. A batch takes a slot for each of its
 * calls, all or none. A slot is given back when the answer has ended or its connection is gone. What finds none free waits
 * for a moment in a queue that is fair between principals, and is then refused as JSON-RPC with `Retry-After`: 429 when
 * the principal's own calls are in the way, 503 when others' are. A batch larger than a cap gets 413: it never fits.
 * Those that have a slot begin as the event loop has time, in turn between principals, so that no turn becomes long and nobody
 * waits behind the whole of another's flood. And who is refused for calls of its own is told late: clients that call again at
 * once would keep the process busy with refusals.
 * Streams (`subscriptions/listen`, GET) and notifications take no slot.
 *
 * @throws TypeError `ERR_RATELIMIT_OPTION` for a wrong option, or when created while a request is handled. Requests fail with
 * `ERR_RATELIMIT_CAP` when a function gives no cap, `ERR_RATELIMIT_NAME` when `toolOf` gives no name, `ERR_RATELIMIT_UNREAD_BODY` when nothing has read their body, and
 * `ERR_RATELIMIT_TRUST_PROXY` as those of `limitByIp`.
 */
export function limitConcurrency(options: LimitConcurrencyOptions = {}): ConcurrencyLimit {
  const { limit = 64, perPrincipal = Math.ceil(limit / 2), perTool = {} } = options
  const { maxQueue = Math.ceil(limit / 2), queueTimeoutMs = 1000 } = options
  const { maxTurnMs = 10, maxDelayMs = 200, refusalDelayMs = 1000 } = options
  const { principalOf = authenticatedPrincipal, toolOf = calledTool } = options
  const { remainingMs = () => undefined, onLimited } = options
  refuseInRequest()
  wholeNumber('limit of limitConcurrency', limit, 'calls')
  if (typeof perPrincipal !== 'function') {
    wholeNumber('perPrincipal of limitConcurrency', perPrincipal, 'calls')
  }
  wholeNumber('maxQueue of limitConcurrency', maxQueue, 'calls', 0)
  wholeNumber('queueTimeoutMs of limitConcurrency', queueTimeoutMs, 'milliseconds', 1, 60_000)
  wholeNumber('maxTurnMs of limitConcurrency', maxTurnMs, 'milliseconds', 1, 60_000)
  wholeNumber('maxDelayMs of limitConcurrency', maxDelayMs, 'milliseconds', 1, 60_000)
  wholeNumber('refusalDelayMs of limitConcurrency', refusalDelayMs, 'milliseconds', 0, 10_000)
  optionalFunction('principalOf of limitConcurrency', principalOf)
  optionalFunction('toolOf of limitConcurrency', toolOf)
  optionalFunction('remainingMs of limitConcurrency', remainingMs)
  optionalFunction('onLimited of limitConcurrency', onLimited)
  const settings = {
    keyOf: principalKey(principalOf),
    perPrincipal: typeof perPrincipal === 'function' ? perPrincipal : () => perPrincipal,
    capOfTool: typeof perTool === 'function' ? perTool : capOfNamed(perTool),
    toolOf: checkedToolOf(toolOf),
  }
  const waitSeconds = Math.ceil(queueTimeoutMs / 1000)
  const { tooLargeFor, enter, state } = turnstile(limit, maxQueue, {
    maxTurnMs,
    burstDelayMs: queueTimeoutMs,
    maxDelayMs,
  })
  const refuseLate = lateRefusals(refusalDelayMs, limit)

  function told(req: Request, details: BusyDetails): void {
    if (onLimited) tell(() => onLimited(req, 'concurrency', details))
  }

  const middleware: RequestHandler = function limitConcurrencyMiddleware(req, res, next) {
    const claim = claimOf(req, settings)
    if (!claim) return next()
    if (isOver(req, res)) return
    const tooLarge = tooLargeFor(claim)
    if (tooLarge) return told(req, refuseTooLarge(req, res, claim, tooLarge))
    const leftMs = () => remainingMs(req) ?? Number.POSITIVE_INFINITY
    const endsAt = () => performance.now() + leftMs()
    enter(claim, { req, res, next }, endsAt, (reason) => {
      const refuse = () => told(req, refuseBusy(req, res, claim, reason, waitSeconds))
      if (reason.scope === 'principal') refuseLate(req, res, leftMs(), refuse)
      else refuse()
    })
  }

  return { middleware, state: () => ({ ...state(), limit }) }
}
/** Copied, so that a name such as `__proto__` finds nothing. */
function capOfNamed(perTool: unknown) {
  if (!isRecord(perTool)) {
    throw wrongOption(
      `perTool of limitConcurrency must be an object of caps by tool, or a function, got ${perTool}`,
    )
  }
  const caps = new Map<string, number>()
  for (const [tool, cap] of Object.entries(perTool)) {
    wholeNumber(`perTool of limitConcurrency, for ${tool},`, cap, 'calls')
    caps.set(tool, cap as number)
  }
  return (tool: string) => caps.get(tool)
}
