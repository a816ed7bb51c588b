import {
  type Attributes,
  context,
  isSpanContextValid,
  type Link,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { carrierOf, continued } from './carrier.js'
import { type HttpContext, httpOf } from './http-context.js'
import { clean } from './text.js'
import type { CallEnd, TracedCall, Tracing } from './types.js'

const PROTOCOL_VERSION = /^\d{4}-\d{2}-\d{2}$/

/**
 * The span of a request, by OpenTelemetry's conventions for MCP: its parent is what `params._meta` names, with a link to
 * the HTTP span, or else that one. A batch has one for each entry.
 */
export function callSpans(tracer: Tracer): Tracing['traceCall'] {
  return function traceCall(call, run) {
    const active = context.active()
    const http = httpOf(active)
    const carrier = carrierOf(call.meta)
    const parent = continued(active, carrier)
    const links = carrier?.traceparent ? linksTo(http?.span ?? trace.getSpan(active)) : []
    // The name of a resource, as its URI is the caller's text; each of them would be a name of its own.
    const target = call.tool ?? call.prompt ?? call.resource
    const name = target === undefined ? call.method : `${call.method} ${target}`
    const span = tracer.startSpan(name, { kind: SpanKind.SERVER, links }, parent)
    if (span.isRecording()) span.setAttributes(attributesOf(call, http))
    const running = context.with(trace.setSpan(parent, span), run)
    return running.then((ended) => end(span, ended))
  }
}

function linksTo(span: Span | undefined): Link[] {
  const linked = span?.spanContext()
  return linked && isSpanContextValid(linked) ? [{ context: linked }] : []
}

function attributesOf(call: TracedCall, http: HttpContext | undefined): Attributes {
  const { method, tool, prompt, resource, id, protocolVersion, transport } = call
  const version = PROTOCOL_VERSION.test(protocolVersion ?? '') ? protocolVersion : undefined
  return {
    'mcp.method.name': method,
    'jsonrpc.request.id': clean(String(id), 64),
    'network.transport': transport === 'stdio' ? 'pipe' : 'tcp',
    ...(method === 'tools/call' && { 'gen_ai.operation.name': 'execute_tool' }),
    ...(tool !== undefined && { 'gen_ai.tool.name': tool }),
    ...(prompt !== undefined && { 'gen_ai.prompt.name': prompt }),
    ...(resource !== undefined && { 'mcp_prod.resource.name': resource }),
    ...(version && { 'mcp.protocol.version': version }),
    ...(http?.clientAddress && { 'client.address': http.clientAddress }),
  }
}

function end(span: Span, { outcome, code, correlationId }: CallEnd): void {
  if (span.isRecording()) {
    const type = errorTypeOf(outcome, code)
    span.setAttribute('mcp_prod.outcome', outcome)
    if (type) span.setAttribute('error.type', type)
    // A caller that goes away is no fault of this server's.
    if (type && outcome !== 'cancelled') span.setStatus({ code: SpanStatusCode.ERROR })
    if (code !== undefined) span.setAttribute('rpc.response.status_code', String(code))
    if (correlationId) span.setAttribute('mcp_prod.correlation_id', correlationId)
  }
  span.end()
}

/** The JSON-RPC code; of results with `isError` the reason where it is the kit's own, else `tool_error`. */
function errorTypeOf(outcome: string, code: number | undefined): string | undefined {
  if (outcome === 'ok') return undefined
  if (code !== undefined) return String(code)
  return ['timeout', 'cancelled', 'overloaded'].includes(outcome) ? outcome : 'tool_error'
}
