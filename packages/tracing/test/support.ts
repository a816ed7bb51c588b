import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { vi } from 'vitest'
import { startTracing, type Tracing, type TracingOptions } from '../src/index.js'
import { atEnd } from './sink.js'

export function fakeLogger() {
  return { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
}

/** Tracing that sends to a collector, in small batches and soon. */
export function tracingTo(
  url: string,
  env: Record<string, string> = {},
  options: Partial<TracingOptions> = {},
) {
  const logger = fakeLogger()
  const tracing = startTracing({
    serviceName: 'shop',
    serviceVersion: '1.2.3',
    logger,
    closeTimeoutMs: 500,
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_BSP_SCHEDULE_DELAY: '20', ...env },
    ...options,
  })
  atEnd(() => tracing.close())
  return { tracing, logger }
}

export async function listen(app: express.Express): Promise<string> {
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export function appWith(
  tracing: Tracing,
  route: express.RequestHandler = (_req, res) => res.end(),
) {
  const app = express()
  app.use(tracing.middleware)
  app.all('/mcp', route)
  return app
}

/** A call as `@mcp-prod/tools` tells of it. */
export function callOf(fields: Partial<Parameters<Tracing['traceCall']>[0]> = {}) {
  return {
    method: 'tools/call',
    tool: 'lookup',
    id: 7,
    meta: undefined,
    protocolVersion: '2026-07-28',
    transport: 'http',
    ...fields,
  } as const
}

export const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736'
export const SPAN_ID = '00f067aa0ba902b7'
export const TRACEPARENT = `00-${TRACE_ID}-${SPAN_ID}-01`
