export { startTracing, type TracingOptions } from './start-tracing.js'
export { sampledTraceFields, type TraceFields, traceFields } from './trace-fields.js'
export type {
  CallEnd,
  Logger,
  RequestEnd,
  SpanOptions,
  SpanStats,
  TracedCall,
  TracedRequest,
  Tracing,
} from './types.js'
