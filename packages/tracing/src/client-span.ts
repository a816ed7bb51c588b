import {
  type Attributes,
  context,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { headersOf } from './carrier.js'
import { knownMethod } from './http-context.js'
import { clean, errorType } from './text.js'
import type { RequestEnd, TracedRequest, Tracing } from './types.js'

/** The span of each attempt of an outgoing request, which the next hop is told of. */
export function clientSpans(tracer: Tracer): Tracing['traceClient'] {
  return function traceClient(request, send) {
    const active = context.active()
    const span = tracer.startSpan(knownMethod(request.method), { kind: SpanKind.CLIENT }, active)
    if (span.isRecording()) span.setAttributes(attributesOf(request))
    const within = trace.setSpan(active, span)
    const sending = context.with(within, () => send(headersOf(within)))
    return sending.then((ended) => end(span, ended))
  }
}

function attributesOf({ method, url, attempt }: TracedRequest): Attributes {
  const { protocol, hostname, port, origin, pathname } = url
  return {
    'http.request.method': knownMethod(method),
    'url.full': clean(`${origin}${pathname}`, 512),
    'server.address': hostname,
    'server.port': Number(port) || (protocol === 'https:' ? 443 : 80),
    ...(attempt > 1 && { 'http.request.resend_count': attempt - 1 }),
  }
}

function end(span: Span, { status, error }: RequestEnd): void {
  if (span.isRecording()) {
    if (status !== undefined) span.setAttribute('http.response.status_code', status)
    const isFailure = status === undefined || status >= 400
    if (isFailure) {
      span.setAttribute('error.type', status === undefined ? errorType(error) : String(status))
      span.setStatus({ code: SpanStatusCode.ERROR })
    }
  }
  span.end()
}
