import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { completable as completableV1 } from '@modelcontextprotocol/sdk/server/completable.js'
import { Server as ServerV1 } from '@modelcontextprotocol/sdk/server/index.js'
import {
  McpServer as McpServerV1,
  ResourceTemplate as ResourceTemplateV1,
} from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  McpError,
  PingRequestSchema,
  UrlElicitationRequiredError as UrlErrorV1,
} from '@modelcontextprotocol/sdk/types.js'
import {
  completable,
  createMcpHandler,
  McpServer,
  ProtocolError,
  ResourceTemplate,
  Server,
  UrlElicitationRequiredError,
} from '@modelcontextprotocol/server'
import express, { type RequestHandler } from 'express'
import { afterEach } from 'vitest'

const closers: (() => unknown)[] = []
const atEnd = (close: () => unknown) => closers.push(close)
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const info = { name: 'test', version: '1.0.0' }

/** One line of the SDK, or the second one as an older client meets it; what the tests need of it has one shape. */
export interface Line {
  McpServer: typeof McpServer
  Server: typeof Server
  ResourceTemplate: typeof ResourceTemplate
  completable: typeof completable
  ProtocolError: typeof ProtocolError
  UrlElicitationRequiredError: typeof UrlElicitationRequiredError
  /** How a handler of the low-level server names its method. */
  methods: { call: 'tools/call'; ping: 'ping'; complete: 'completion/complete' }
  handler(make: () => McpServer | Server): RequestHandler
  connect(url: URL): Promise<Client>
}

const second: Omit<Line, 'connect'> = {
  McpServer,
  Server,
  ResourceTemplate,
  completable,
  ProtocolError,
  UrlElicitationRequiredError,
  methods: { call: 'tools/call', ping: 'ping', complete: 'completion/complete' },
  handler(make) {
    const handler = createMcpHandler(make)
    atEnd(() => handler.close())
    return toNodeHandler(handler) as unknown as RequestHandler
  },
}

async function connectSecond(url: URL): Promise<Client> {
  const client = new Client(info, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new StreamableHTTPClientTransport(url))
  atEnd(() => client.close())
  return client
}

async function connectFirst(url: URL): Promise<Client> {
  const client = new ClientV1(info, { capabilities: { elicitation: { form: {}, url: {} } } })
  await client.connect(new TransportV1(url) as Parameters<typeof client.connect>[0])
  atEnd(() => client.close())
  return client as unknown as Client
}

const first = {
  McpServer: McpServerV1,
  Server: ServerV1,
  ResourceTemplate: ResourceTemplateV1,
  completable: completableV1,
  ProtocolError: McpError,
  UrlElicitationRequiredError: UrlErrorV1,
  methods: {
    call: CallToolRequestSchema,
    ping: PingRequestSchema,
    complete: CompleteRequestSchema,
  },
  handler: (make: () => McpServerV1): RequestHandler =>
    async function statelessHandler(req, res) {
      const server = make()
      const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined })
      res.on('close', () => void server.close())
      await server.connect(transport as Parameters<typeof server.connect>[0])
      await transport.handleRequest(req, res)
    },
  connect: connectFirst,
} as unknown as Line

export const lines: [string, Line][] = [
  ['SDK v1', first],
  ['SDK v2', { ...second, connect: connectSecond }],
  ['SDK v2 with a client of v1', { ...second, connect: connectFirst }],
]

/** Serves over HTTP. `sent()` has every byte that went to clients so far, as a proxy between them saw it. */
export async function serve(line: Line, make: () => McpServer | Server) {
  const app = express()
  app.all('/mcp', line.handler(make))
  const listener = app.listen(0, '127.0.0.1')
  atEnd(() => {
    listener.closeAllConnections()
    listener.close()
  })
  await once(listener, 'listening')

  let bytes = ''
  const proxy = createServer((socket) => {
    const upstream = connect((listener.address() as AddressInfo).port, '127.0.0.1')
    upstream.on('data', (chunk) => {
      bytes += chunk
    })
    for (const end of [socket, upstream]) end.on('error', () => {})
    // One that is reset has no end that `pipe` would hand on.
    socket.on('close', () => upstream.destroy())
    socket.pipe(upstream).pipe(socket)
  })
  proxy.listen(0, '127.0.0.1')
  atEnd(() => proxy.close())
  await once(proxy, 'listening')
  const url = new URL(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}/mcp`)
  return { url, sent: () => bytes, client: await line.connect(url) }
}
