import { callsOf } from '@mcp-prod/rpc'
import type { Request, RequestHandler } from 'express'
import { asks } from './asks.js'
import { optionalFunction, refuseInRequest, wholeNumber, wrongOption } from './options.js'
import { type Pressure, watchPressure } from './pressure.js'
import { refuseOverload } from './refuse-overload.js'
import { tell } from './tell.js'

export interface ShedLoadOptions {
  /** Milliseconds that a call may wait for the event loop, 50 to 60000; each turn admits calls for half of it. @default 100 */
  maxEventLoopDelayMs?: number
  /** Part of V8's heap limit that may be used. @default 0.9 */
  maxHeapShare?: number
  /** Part of the container's memory that the process may have; without such a limit it is not looked at. @default 0.95 */
  maxRssShare?: number
  /** Called for each refused request: for the log and the metrics. What it throws is ignored. */
  onLimited?: (req: Request, layer: 'overload', details: ShedDetails) => unknown
}

export type ShedReason = 'event-loop' | 'heap' | 'memory'

/** Why a call was refused. The client is not told the reason. */
export interface ShedDetails {
  policy: 'overload'
  reason: ShedReason
}

export interface LoadShedder {
  /** Mount it on what may be refused, never on health or metrics; before `authenticate` a refusal costs least. */
  middleware: RequestHandler
  /** For metrics: the part of calls that it refused lately, and what it goes by; the parts are 0 to 1. */
  state(): Pressure & { shedding: number }
  /** Stops looking; everything passes from then on. */
  close(): void
}

/** What a client needs to begin at all, and what costs next to nothing. */
const CHEAP = new Set([
  'ping',
  'initialize',
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
])

/** Of new calls, while memory is short: some always pass. */
const REFUSED_FOR_MEMORY = 0.95

/**
 * Refuses new calls with 503 and `Retry-After` while the event loop or the memory cannot take more, so that those it admits are
 * answered in time. What runs already goes on.
 * The queue of a Node server is in the turn of its event loop: what comes late in a long turn has waited since before the turn.
 * So each turn admits calls for half of `maxEventLoopDelayMs` and refuses those after, once turns have been that long for some 300 ms:
 * as much is admitted as is done, whatever a call costs, and one long turn refuses nothing, nor does any a caller who is alone.
 * Behind `jsonBody` it spares what costs little: pings, lists and handshakes are refused later and less, notifications and
 * responses never. In front of it every POST is a call.
 *
 * @throws TypeError `ERR_RATELIMIT_OPTION` for a wrong option, or when created while a request is handled.
 */
export function shedLoad(options: ShedLoadOptions = {}): LoadShedder {
  const { maxEventLoopDelayMs = 100, maxHeapShare = 0.9, maxRssShare = 0.95, onLimited } = options
  refuseInRequest()
  wholeNumber('maxEventLoopDelayMs of shedLoad', maxEventLoopDelayMs, 'milliseconds', 50, 60_000)
  requireShare('maxHeapShare of shedLoad', maxHeapShare)
  requireShare('maxRssShare of shedLoad', maxRssShare)
  optionalFunction('onLimited of shedLoad', onLimited)
  // A call waits for the rest of one turn and then for its place in the next.
  const turnMs = maxEventLoopDelayMs / 2
  const watch = watchPressure(turnMs, sample)
  let short: 'heap' | 'memory' | undefined
  let admittedIn = Number.NaN
  let asked = 0
  let refused = 0
  let share = 0
  let closed = false

  function sample(): void {
    const { heapShare, rssShare } = watch.pressure
    // What is short stays so until there is room: else it would go to and fro at the bound.
    if (heapShare > maxHeapShare * (short === 'heap' ? 0.95 : 1)) short = 'heap'
    else if (rssShare > maxRssShare * (short === 'memory' ? 0.95 : 1)) short = 'memory'
    else short = undefined
    share += 0.3 * ((asked && refused / asked) - share)
    if (share < 0.001) share = 0
    asked = 0
    refused = 0
  }

  /** Why a call is refused, if it is; what is cheap half as soon. */
  function reasonFor(weight: 'dear' | 'cheap'): ShedReason | undefined {
    const part = weight === 'dear' ? 1 : 0.5
    const { turnBeganAt, turnsAreLong } = watch
    // The first call of a turn always passes: others' work may have filled it, and so nothing would ever begin.
    if (turnsAreLong && admittedIn === turnBeganAt) {
      if ((performance.now() - turnBeganAt) * part > turnMs) return 'event-loop'
    }
    return short && Math.random() < REFUSED_FOR_MEMORY * part ? short : undefined
  }

  const middleware: RequestHandler = function shedLoadMiddleware(req, res, next) {
    const weight = closed ? undefined : weightOf(req)
    if (weight === undefined) return next()
    const reason = reasonFor(weight)
    asked++
    if (reason === undefined) {
      admittedIn = watch.turnBeganAt
      next()
      return
    }
    refused++
    if (onLimited) tell(() => onLimited(req, 'overload', { policy: 'overload', reason }))
    refuseOverload(req, res, share)
  }

  return {
    middleware,
    state: () => ({ shedding: closed ? 0 : share, ...watch.pressure }),
    close() {
      closed = true
      watch.close()
    },
  }
}

function requireShare(option: string, value: unknown): void {
  if (typeof value === 'number' && value > 0 && value <= 1) return
  throw wrongOption(`${option} must be a share above 0 and at most 1, got ${String(value)}`)
}

/** A batch is as its dearest call: of all calls the same part is refused, however packed. Undefined: never refused. */
function weightOf(req: Request): 'dear' | 'cheap' | undefined {
  const calls = callsOf(req)
  if (calls.length === 0) return req.method === 'POST' ? 'dear' : undefined
  const asking = calls.filter(asks)
  if (asking.length === 0) return undefined
  return asking.every(({ method }) => CHEAP.has(method)) ? 'cheap' : 'dear'
}
