import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type AuthInfo, Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import express from 'express'
import { afterEach, vi } from 'vitest'
import {
  createToolServer,
  type Tool,
  type ToolCallEvent,
  type ToolHandlerOptions,
  type ToolServerOptions,
  toolHandler,
} from '../src/index.js'
import { modern } from './listen-call.js'

export { modern }

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

export const info = { name: 'test', version: '1.0.0' }

const alice: AuthInfo = {
  token: '[redacted]',
  clientId: 'key-1',
  scopes: [],
  extra: { principal: 'alice' },
}

interface Setting {
  /** Who calls; `undefined` for nobody. */
  authOf?: (req: express.Request) => AuthInfo | undefined
  handler?: ToolHandlerOptions
  /** Reads bodies before the handler does. @default express.json() */
  parse?: express.RequestHandler
  /** The Express setting. @default false */
  trustProxy?: boolean | number
}

/** The tools on a real Express server; `scopes` are those of whoever calls. */
export async function serve(
  tools: readonly Tool[],
  options: Partial<ToolServerOptions> = {},
  scopes: string[] = [],
  setting: Setting = {},
) {
  const { authOf = () => ({ ...alice, scopes }), handler, parse = express.json() } = setting
  const events: ToolCallEvent[] = []
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const onCall = (event: ToolCallEvent) => events.push(event)
  const toolServer = createToolServer(tools, { ...info, logger, onCall, ...options })
  const mcp = toolHandler(toolServer, handler)
  const app = express()
  app.set('trust proxy', setting.trustProxy ?? false)
  app.use(parse)
  app.all(
    '/mcp',
    (req, _res, next) => {
      const auth = authOf(req)
      if (auth) Object.assign(req, { auth })
      next()
    },
    mcp.middleware,
  )
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`)
  closers.push(async () => {
    await mcp.close()
    server.closeAllConnections()
    server.close()
  })
  return { toolServer, url, events, logger, mcp }
}

export async function connect(
  url: URL,
  mode: 'auto' | 'legacy' = 'auto',
  headers: Record<string, string> = {},
) {
  const client = new Client(info, { versionNegotiation: { mode } })
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }))
  closers.push(() => client.close())
  return client
}

export async function connectV1(url: URL) {
  const client = new LegacyClient(info)
  await client.connect(new LegacyTransport(url) as Parameters<LegacyClient['connect']>[0])
  closers.push(() => client.close())
  return client
}

export const clients = [
  ['SDK v2, modern era', (url: URL) => connect(url, 'auto')],
  ['SDK v2, legacy era', (url: URL) => connect(url, 'legacy')],
  ['SDK v1', connectV1],
] as const

/** One raw POST; the answer as text, so that a test sees every byte a client would. */
export async function post(url: URL, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify(body),
  })
  return { status: response.status, text: await response.text() }
}

export function modernCall(name: string, args: object, headers: Record<string, string> = {}) {
  const { body, headers: own } = modern('tools/call', { name, arguments: args })
  return { body, headers: { ...own, 'mcp-name': name, ...headers } }
}

/** The same call as a client of the revisions before sends it: no envelope, no headers. */
export function legacyCall(name: string, args: object) {
  return legacy('tools/call', { name, arguments: args })
}

export function legacy(method: string, params: object) {
  return { body: { jsonrpc: '2.0', id: 1, method, params }, headers: {} }
}
