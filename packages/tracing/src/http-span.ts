import { callsOf } from '@mcp-prod/rpc'
import {
  context,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { Request, RequestHandler, Response } from 'express'
import { carrierOf, continued } from './carrier.js'
import { knownMethod, withHttp } from './http-context.js'
import { MCP_METHODS } from './mcp-methods.js'
import { clean } from './text.js'

/** A router mounted at a path with parameters makes a route of each value. */
const MAX_ROUTES = 100

/** The span of a request, named by method and route. Under an instrumentation that has made one already, that one. */
export function httpSpans(tracer: Tracer): RequestHandler {
  const routes = new Set<string>()

  function routeOf(req: Request): string | undefined {
    const path: unknown = req.route?.path
    if (typeof path !== 'string') return undefined
    const route = clean(`${req.baseUrl}${path}`, 256)
    if (routes.size < MAX_ROUTES) routes.add(route)
    return routes.has(route) ? route : undefined
  }

  function end(span: Span, req: Request, res: Response): void {
    const route = routeOf(req)
    const status = statusOf(res)
    const method = methodOf(req)
    if (route)
      span
        .updateName(`${knownMethod(req.method)} ${route}`)
        // A path that nobody serves is whatever a stranger wrote, a secret perhaps.
        .setAttributes({ 'http.route': route, 'url.path': pathOf(req) })
    if (method) span.setAttribute('mcp.method.name', method)
    span.setAttribute('http.response.status_code', status)
    if (status >= 500)
      span.setAttribute('error.type', String(status)).setStatus({ code: SpanStatusCode.ERROR })
    span.end()
  }

  return function tracingMiddleware(req, res, next) {
    const active = context.active()
    const { ip: clientAddress } = req
    const outer = trace.getSpan(active)
    if (outer) {
      context.with(withHttp(active, { span: outer, clientAddress }), next)
      return
    }
    const parent = continued(active, carrierOf(req.headers))
    const span = tracer.startSpan(knownMethod(req.method), { kind: SpanKind.SERVER }, parent)
    if (span.isRecording()) {
      span.setAttributes(attributesOf(req))
      // Not 'finish': it never comes when the client goes away. One that went before now sends no 'close' any more.
      if (res.closed) end(span, req, res)
      else res.once('close', () => end(span, req, res))
    }
    context.with(withHttp(parent, { span, clientAddress }), next)
  }
}

/** Only what is known now: a socket that is gone has no address any more. */
function attributesOf(req: Request) {
  const userAgent = req.headers['user-agent']
  return {
    'http.request.method': knownMethod(req.method),
    'url.scheme': req.protocol === 'https' ? 'https' : 'http',
    'network.protocol.version': req.httpVersion,
    ...(req.ip && { 'client.address': req.ip }),
    ...(req.hostname && { 'server.address': clean(req.hostname, 253) }),
    ...(userAgent && { 'user_agent.original': clean(userAgent, 256) }),
  }
}

function pathOf(req: Request): string {
  return clean(req.originalUrl.split('?', 1)[0] ?? '', 256)
}

/** 499 (nginx) when the connection ended before the answer did: `statusCode` says 200 then, or nothing true. */
function statusOf({ headersSent, statusCode, writableFinished }: Response): number {
  return writableFinished || (headersSent && statusCode >= 400) ? statusCode : 499
}

function methodOf(req: Request): string | undefined {
  const calls = callsOf(req)
  const method = calls.length === 1 ? calls[0]?.method : undefined
  return method !== undefined && MCP_METHODS.has(method) ? method : undefined
}
