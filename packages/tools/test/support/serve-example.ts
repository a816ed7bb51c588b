import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import {
  type AuthInfo,
  Client,
  type ClientOptions,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client'
import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node'
import express from 'express'
import { afterEach, expect, vi } from 'vitest'
import {
  createToolServer,
  type Prompt,
  type RequestEvent,
  type Resource,
  type ResourceTemplate,
  type Tool,
  type ToolServer,
  toolHandler,
} from '../../src/index.js'
import { info } from '../support.js'
import type { Example } from './examples.js'

export const eras = ['2026-07-28', '2025 in a session', '2025 without a session'] as const
export type EraOfClient = (typeof eras)[number]

type AnyDefinition = Tool | Resource | ResourceTemplate | Prompt
const auth: AuthInfo = {
  token: '[redacted]',
  clientId: 'app',
  scopes: [],
  extra: { principal: 'alice' },
}

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** What an example exports on a real server, at `/mcp` for both eras and at `/session` with sessions of the SDK's own transport. */
export async function serveExample(example: Example, era: EraOfClient) {
  const stop = new AbortController()
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const ended: RequestEvent[] = []
  const definitions = Object.values(example).filter(
    (value) => (value as AnyDefinition | undefined)?.kind,
  ) as AnyDefinition[]
  const isTool = (definition: AnyDefinition) => definition.kind === 'tool'
  const toolServer =
    (example.createServer as ToolServer | undefined) ??
    createToolServer(definitions.filter(isTool), {
      ...info,
      logger,
      signal: stop.signal,
      onRequest: (event) => ended.push(event),
      resources: definitions.filter(({ kind }) => kind === 'resource' || kind === 'template') as (
        | Resource
        | ResourceTemplate
      )[],
      prompts: definitions.filter(({ kind }) => kind === 'prompt') as Prompt[],
    })
  const mcp = toolHandler(toolServer)
  const wire: { method: string; headers: express.Request['headers'] }[] = []
  const app = express()
  app.use(express.json(), (req, _res, next) => {
    if (req.body?.method) wire.push({ method: req.body.method, headers: req.headers })
    Object.assign(req, { auth })
    next()
  })
  app.all('/mcp', mcp.middleware)
  app.all('/session', sessionsOf(toolServer))
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const urlOf = (path: string) => new URL(`http://127.0.0.1:${port}/${path}`)
  closers.push(async () => {
    stop.abort()
    await mcp.close()
    server.closeAllConnections()
    server.close()
  })
  return {
    url: urlOf('mcp'),
    logger,
    ended,
    wire,
    methods: (method: string) => wire.filter((sent) => sent.method === method).length,
    /** Those of `definitions` whom nobody has asked for yet. */
    untouched: () =>
      definitions
        .map(({ label }) => label)
        .filter((label) => !ended.some(({ name }) => name === label)),
    async connect(options: ClientOptions = {}, headers: Record<string, string> = {}) {
      const mode = era === '2026-07-28' ? 'auto' : 'legacy'
      const client = new Client(info, { ...options, versionNegotiation: { mode } })
      const path = era === '2025 in a session' ? 'session' : 'mcp'
      const transport = new StreamableHTTPClientTransport(urlOf(path), { requestInit: { headers } })
      await client.connect(transport)
      closers.push(() => client.close())
      expect(client.getNegotiatedProtocolVersion()).toMatch(era.slice(0, 4))
      expect(transport.sessionId !== undefined).toBe(path === 'session')
      return client
    },
  }
}

export type Served = Awaited<ReturnType<typeof serveExample>>

function sessionsOf(toolServer: ToolServer): express.RequestHandler {
  const sessions = new Map<string, NodeStreamableHTTPServerTransport>()
  return async function sessionMiddleware(req, res) {
    const known = sessions.get(String(req.headers['mcp-session-id']))
    const transport =
      known ??
      new NodeStreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => {
          sessions.set(id, transport)
        },
      })
    if (!known) {
      const server = await toolServer({ era: 'legacy' })
      await server.connect(transport)
      closers.push(() => server.close())
    }
    await transport.handleRequest(req, res, req.body)
  }
}
