import { type Context, createContextKey, type Span, trace } from '@opentelemetry/api'

/** What spans of calls tell of the HTTP request that they came with. */
export interface HttpContext {
  span: Span
  clientAddress: string | undefined
}

const KEY = createContextKey('@mcp-prod/tracing http request')

export function withHttp(base: Context, http: HttpContext): Context {
  return trace.setSpan(base, http.span).setValue(KEY, http)
}

export function httpOf(base: Context): HttpContext | undefined {
  return base.getValue(KEY) as HttpContext | undefined
}

/** All others are `_OTHER`, as OpenTelemetry has it: a span's name must not be a caller's to choose. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])

export function knownMethod(method: string): string {
  return METHODS.has(method) ? method : '_OTHER'
}
