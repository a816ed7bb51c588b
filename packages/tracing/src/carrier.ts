import { type Context, propagation } from '@opentelemetry/api'

/** W3C Trace Context §3.2: version, trace id, parent id and flags; a later version may have more behind them. */
const TRACEPARENT =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const PRINTABLE = /^[\x20-\x7e\t]+$/
/** What W3C asks everyone to pass on at least, and here what is passed on at most. */
const MAX_TRACESTATE = 512
const MAX_BAGGAGE = 8192

export interface Carrier {
  traceparent?: string
  tracestate?: string
  baggage?: string
}

/**
 * The trace context that a stranger wrote, from own keys alone; undefined when there is none. What is not valid is left
 * out: it would end up in other servers' headers and in spans.
 */
export function carrierOf(source: unknown): Carrier | undefined {
  const traceparent = parentOf(textOf(source, 'traceparent', MAX_TRACESTATE))
  const tracestate = traceparent && textOf(source, 'tracestate', MAX_TRACESTATE)
  const baggage = textOf(source, 'baggage', MAX_BAGGAGE)
  if (!traceparent && !baggage) return undefined
  return {
    ...(traceparent && { traceparent }),
    ...(tracestate && { tracestate }),
    ...(baggage && { baggage }),
  }
}

/** A context that goes on from where the carrier comes from. Its parts belong together: other baggage is left behind. */
export function continued(base: Context, carrier: Carrier | undefined): Context {
  return carrier ? propagation.extract(propagation.deleteBaggage(base), carrier) : base
}

/** The headers that name a context's span to the next hop; undefined when there is nothing to name. */
export function headersOf(base: Context): Record<string, string> | undefined {
  const headers: Record<string, string> = {}
  propagation.inject(base, headers)
  return Object.keys(headers).length > 0 ? headers : undefined
}

function textOf(source: unknown, key: string, maxChars: number): string | undefined {
  if (typeof source !== 'object' || source === null || !Object.hasOwn(source, key)) return undefined
  const value: unknown = (source as Record<string, unknown>)[key]
  const holds = typeof value === 'string' && value.length <= maxChars && PRINTABLE.test(value)
  return holds ? value : undefined
}

/** As our own version (§4.3), with the one flag that we know. */
function parentOf(text: string | undefined): string | undefined {
  const [, version, traceId, spanId, flags = '', rest] = TRACEPARENT.exec(text ?? '') ?? []
  if (!version || (version === '00' && rest !== undefined)) return undefined
  const sampled = Number.parseInt(flags, 16) & 1
  return `00-${traceId}-${spanId}-0${sampled}`
}
