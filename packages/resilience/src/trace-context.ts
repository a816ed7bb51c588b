import { callsOf } from '@mcp-prod/rpc'
import type { Request } from 'express'
import type { TraceContext } from './deadline.js'

/** W3C Trace Context §3.2: version, trace id, parent id and flags; a later version may have more behind them. */
const TRACEPARENT =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/
const TRACEPARENT_LENGTH = 55
const PRINTABLE = /^[\x20-\x7e\t]+$/
/** What W3C asks everyone to pass on at least, and here what is passed on at most. */
const MAX_TRACESTATE = 512
const MAX_BAGGAGE = 8192

/**
 * The trace context that a request carries: of the body's `params._meta` (MCP's SEP-414) if it makes a single call and has
 * one, else of the HTTP headers. It is taken from one of them as a whole, since the parts belong together.
 */
export function traceContextOf(req: Request): TraceContext {
  const call = Array.isArray(req.body) ? undefined : callsOf(req)[0]
  const inBody = readTraceContext(call?.params?._meta)
  return Object.keys(inBody).length > 0 ? inBody : readTraceContext(req.headers)
}

/** What is not valid was written by a stranger and ends here: it would end up in other servers' headers and logs. */
function readTraceContext(source: unknown): TraceContext {
  if (typeof source !== 'object' || source === null) return {}
  const { traceparent, tracestate, baggage } = source as Record<string, unknown>
  const context: TraceContext = {}
  const parent = readTraceparent(traceparent)
  if (parent) {
    context.traceparent = parent
    if (isHeaderText(tracestate, MAX_TRACESTATE)) context.tracestate = tracestate
  }
  if (isHeaderText(baggage, MAX_BAGGAGE)) context.baggage = baggage
  return context
}

function readTraceparent(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > MAX_TRACESTATE) return undefined
  const match = TRACEPARENT.exec(value)
  if (!match) return undefined
  const [, version, rest] = match
  if (version === '00') return rest === undefined ? value : undefined
  // Of a later version we know these fields, so we pass them on as our own version (§4.3).
  return `00${value.slice(2, TRACEPARENT_LENGTH)}`
}

function isHeaderText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length <= maxLength && PRINTABLE.test(value)
}
