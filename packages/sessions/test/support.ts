import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { jsonBody } from '@mcp-prod/rpc'
import { type AuthInfo, Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { createMcpHandler, type McpServerFactory } from '@modelcontextprotocol/server'
import express from 'express'
import { afterEach } from 'vitest'
import {
  type CloseReason,
  type SessionHandlerOptions,
  type SessionInfo,
  sessionHandler,
} from '../src/index.js'
import { authOf, createTestServer, info, seen } from './fixtures.js'

export { authOf, createTestServer, info, seen }

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})
export const atEnd = (close: () => unknown) => closers.push(close)

export interface Setting extends SessionHandlerOptions {
  createServer?: McpServerFactory
  /** Who calls, by the header `x-principal`. @default that principal, nobody without the header */
  authenticate?: (req: express.Request) => AuthInfo | undefined
}

/** The sessions on a real Express server, with the stateless handler of the SDK behind them. */
export async function serve(setting: Setting = {}) {
  const { createServer = createTestServer, authenticate = byHeader, ...options } = setting
  const closed: { reason: CloseReason; session: SessionInfo }[] = []
  const errors: Error[] = []
  const sessions = sessionHandler(createServer, {
    onClosed: (session, reason) => closed.push({ reason, session }),
    onError: (error) => errors.push(error),
    ...options,
  })
  const stateless = createMcpHandler(createServer)
  const app = express()
  app.use(jsonBody())
  app.all(
    '/mcp',
    (req, res, next) => {
      const auth = authenticate(req)
      if (!auth && req.headers['x-revoked']) return void res.status(401).end()
      if (auth) Object.assign(req, { auth })
      next()
    },
    sessions.middleware,
    async (req, res) => {
      const request = new Request(`http://localhost${req.url}`, {
        method: req.method,
        headers: req.headers as Record<string, string>,
        ...(req.body !== undefined && { body: JSON.stringify(req.body) }),
      })
      const answer = await stateless.fetch(request, { parsedBody: req.body })
      const type = answer.headers.get('content-type')
      if (type) res.set('content-type', type)
      res.status(answer.status).set('x-served', 'stateless')
      res.end(await answer.text())
    },
  )
  const failures: Error[] = []
  app.use(((error, _req, res, _next) => {
    failures.push(error)
    res.status(500).end()
  }) as express.ErrorRequestHandler)
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`)
  atEnd(async () => {
    await sessions.close()
    server.closeAllConnections()
    server.close()
  })
  return { url, sessions, closed, errors, failures, server }
}

function byHeader(req: express.Request): AuthInfo | undefined {
  const principal = req.headers['x-principal']
  if (typeof principal !== 'string') return undefined
  const scopes = req.headers['x-scopes']
  return authOf(principal, { scopes: typeof scopes === 'string' ? scopes.split(' ') : [] })
}

export async function connect(
  url: URL,
  headers: Record<string, string> = { 'x-principal': 'alice' },
  capabilities: ConstructorParameters<typeof Client>[1] = {},
) {
  const client = new Client(info, { versionNegotiation: { mode: 'legacy' }, ...capabilities })
  const transport = new StreamableHTTPClientTransport(url, {
    requestInit: { headers },
    reconnectionOptions: {
      initialReconnectionDelay: 20,
      maxReconnectionDelay: 100,
      reconnectionDelayGrowFactor: 1,
      maxRetries: 5,
    },
  })
  await client.connect(transport)
  atEnd(() => client.close())
  return { client, transport }
}

export async function connectV1(
  url: URL,
  headers: Record<string, string> = { 'x-principal': 'alice' },
  capabilities: ConstructorParameters<typeof LegacyClient>[1] = {},
) {
  const client = new LegacyClient(info, capabilities)
  const transport = new LegacyTransport(url, {
    requestInit: { headers },
    reconnectionOptions: {
      initialReconnectionDelay: 20,
      maxReconnectionDelay: 100,
      reconnectionDelayGrowFactor: 1,
      maxRetries: 5,
    },
  })
  await client.connect(transport as Parameters<LegacyClient['connect']>[0])
  atEnd(() => client.close())
  return { client, transport }
}
