import { isSpanContextValid, TraceFlags, trace } from '@opentelemetry/api'

export interface TraceFields {
  traceId: string
  spanId: string
}

/** Which trace this is part of, for log lines; undefined outside of any and while tracing is off. Cheap. */
export function traceFields(): TraceFields | undefined {
  const context = trace.getActiveSpan()?.spanContext()
  if (!context || !isSpanContextValid(context)) return undefined
  return { traceId: context.traceId, spanId: context.spanId }
}

/** The same for exemplars, which must lead to a trace that is kept: undefined while the active span is not sampled. */
export function sampledTraceFields(): TraceFields | undefined {
  const flags = trace.getActiveSpan()?.spanContext().traceFlags ?? TraceFlags.NONE
  return flags & TraceFlags.SAMPLED ? traceFields() : undefined
}
