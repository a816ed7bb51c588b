import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { jsonBody } from '@mcp-prod/rpc'
import express, { type RequestHandler } from 'express'
import { afterEach, expect, vi } from 'vitest'
import { createMetrics, type MetricsOptions } from '../src/index.js'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

export function closeAfter(close: () => unknown): void {
  closers.push(close)
}

export interface ServeOptions extends MetricsOptions {
  /** What makes the server. @default plain HTTP */
  listenerOf?: (app: express.Express) => Server
}

/** A server with metrics around `/mcp`, and `/metrics` on the same port, which it does not count. */
export async function serve(handler: RequestHandler, options: ServeOptions = {}) {
  const { listenerOf = createServer, ...rest } = options
  const metrics = createMetrics({ runtime: false, ...rest })
  const app = express()
  app.get('/metrics', metrics.handler)
  app.use(metrics.middleware)
  app.all('/mcp', jsonBody({ maxBytes: 1000 }), handler)
  const server = listenerOf(app)
  closeAfter(() => {
    server.closeAllConnections()
    server.close()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const headers = { 'content-type': 'application/json' }
  /** By a scrape. */
  const series = async (name: string) => {
    const text = await metrics.registry.metrics()
    return text.split('\n').filter((line) => line.startsWith(name))
  }
  const amount = async (name: string) => Number((await series(`${name} `))[0]?.split(' ')[1])
  return {
    port,
    origin,
    server,
    metrics,
    series,
    /** Without those that begin with 0. */
    counted: async () =>
      (await series('mcp_requests_total')).filter((line) => !line.endsWith(' 0')),
    amount,
    scrape: async (accept?: string) => {
      const response = await fetch(`${origin}/metrics`, { headers: accept ? { accept } : {} })
      return { text: await response.text(), type: response.headers.get('content-type') }
    },
    post: async (body: unknown) => {
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      const response = await fetch(`${origin}/mcp`, { method: 'POST', headers, body: text })
      await response.arrayBuffer()
      // The client may have its answer before the server knows.
      await vi.waitFor(async () => expect(await amount('mcp_requests_in_flight')).toBe(0), 10_000)
      return response.status
    },
  }
}

export const ok: RequestHandler = (_req, res) => {
  res.json({})
}

export const request = (method: string, params = {}) => ({
  jsonrpc: '2.0',
  id: 1,
  method,
  params,
})
