import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { beforeAll, describe, expect, it } from 'vitest'
import { atEnd, KIND, type SunkSpan, sink } from './sink.js'
import { SPAN_ID, TRACE_ID, TRACEPARENT } from './support.js'

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url))
const info = { name: 'test', version: '1.0.0' }
const OTHER = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }
const requestHeaders = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
}
const traceparentOf = (traceId: string) => `00-${traceId}-${SPAN_ID}-01`

/** Each with a trace of its own, which a host that is traced sends in the headers of each request. */
const clients = [
  [
    'SDK v2, modern era',
    '2026-07-28',
    '1'.repeat(32),
    () => new Client(info, { versionNegotiation: { mode: 'auto' } }),
    StreamableHTTPClientTransport,
  ],
  [
    'SDK v2, legacy era',
    '2025-11-25',
    '2'.repeat(32),
    () => new Client(info, { versionNegotiation: { mode: 'legacy' } }),
    StreamableHTTPClientTransport,
  ],
  ['SDK v1', '2025-11-25', '3'.repeat(32), () => new LegacyClient(info), LegacyTransport],
] as const

/** Starts a server in a process of its own, which sends its spans only as it closes. */
async function server(name: string, endpoint: string, env: Record<string, string> = {}) {
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', CHILD], {
    env: {
      PATH: process.env.PATH,
      OTEL_SERVICE_NAME: name,
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_BSP_SCHEDULE_DELAY: '600000',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  atEnd(() => child.kill('SIGKILL'))
  const [port] = await once(child.stdout ?? child, 'data')
  const exited = once(child, 'exit')
  return {
    url: `http://127.0.0.1:${String(port).trim()}/`,
    async stop() {
      child.kill('SIGTERM')
      const [code] = await exited
      return code
    },
  }
}

async function callBy([, , traceId, client, Transport]: (typeof clients)[number], url: URL) {
  const traceparent = traceparentOf(traceId)
  const opened = client()
  const transport = new Transport(url, { requestInit: { headers: { traceparent } } })
  await opened.connect(transport as Parameters<Client['connect']>[0])
  const _meta = { traceparent, baggage: 'tenant=7' }
  const result = await opened.callTool({ name: 'order', arguments: { article: 'apple' }, _meta })
  await opened.close()
  expect(result).toMatchObject({ content: [{ text: 'ordered, upstream said 200' }] })
}

async function callBatch(url: URL) {
  const entry = (id: number, name: string, article: string, traceparent?: string) => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name, arguments: { article }, _meta: { traceparent } },
  })
  const batch = [
    entry(1, 'stock', 'apple', TRACEPARENT),
    entry(2, 'stock', 'missing', traceparentOf(OTHER.traceId).replace(SPAN_ID, OTHER.spanId)),
    entry(3, 'stock', 'apple', 'nonsense'),
    ...Array.from({ length: 90 }, (_, i) => entry(4 + i, `evil-${i}\u001b[31m`, 'apple')),
  ]
  const body = JSON.stringify(batch)
  const response = await fetch(url, { method: 'POST', headers: requestHeaders, body })
  expect(response.status).toBe(200)
  await response.text()
}

/** One after another, each with a trace of its own; what callers write holds a secret. */
const CONTEXT = [
  ['prompts/get', { name: 'greet', arguments: { who: 'hunter2' } }, 'greet'],
  ['prompts/get', { name: 'hunter2' }, undefined],
  ['resources/read', { uri: 'stock://shelves/hunter2' }, 'shelf'],
  ['resources/read', { uri: 'file:///hunter2' }, undefined],
  [
    'completion/complete',
    { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'who', value: 'hunter2' } },
    'greet',
  ],
  ['prompts/list', {}, undefined],
] as const
const traceOf = (i: number) => `${'c'.repeat(31)}${i}`

async function askContext(url: URL) {
  for (const [i, [method, params]] of CONTEXT.entries()) {
    const _meta = { traceparent: traceparentOf(traceOf(i)) }
    const body = JSON.stringify({ jsonrpc: '2.0', id: i, method, params: { ...params, _meta } })
    await (await fetch(url, { method: 'POST', headers: requestHeaders, body })).text()
  }
}

let spans: SunkSpan[] = []
let sent = ''

/** Clients → A → B, and all spans that both have sent once they are gone. */
beforeAll(async () => {
  const collector = await sink()
  const b = await server('b', collector.url)
  const a = await server('a', collector.url, { UPSTREAM: b.url })
  const url = new URL('mcp', a.url)
  for (const client of clients) await callBy(client, url)
  await callBatch(url)
  await askContext(url)
  expect(await Promise.all([a.stop(), b.stop()])).toEqual([0, 0])
  spans = collector.spans
  sent = collector.bodies.join()
}, 120_000)

function find(service: string, name: string, traceId?: string): SunkSpan[] {
  return spans.filter(
    (span) =>
      span.service['service.name'] === service &&
      span.name === name &&
      (traceId === undefined || span.traceId === traceId),
  )
}

function only(found: SunkSpan[]): SunkSpan {
  expect(found).toHaveLength(1)
  return found[0] as SunkSpan
}

describe('a call through two servers is one tree', () => {
  it.each(clients)('%s', (_what, version, traceId) => {
    const inA = only(find('a', 'tools/call order', traceId))
    const out = only(find('a', 'POST', traceId))
    const intoB = only(find('b', 'POST /mcp', traceId))
    const inB = only(find('b', 'tools/call stock', traceId))
    const query = only(find('b', 'SELECT stock', traceId))
    const posts = find('a', 'POST /mcp', traceId)
    const into = only(posts.filter((span) => span.spanId === inA.links[0]?.spanId))

    const chain = [into, inA, out, intoB, inB, query]
    const parents = [SPAN_ID, SPAN_ID, inA.spanId, out.spanId, intoB.spanId, inB.spanId]
    expect(chain.map(({ parentSpanId }) => parentSpanId)).toEqual(parents)
    const { server: SERVER, client: CLIENT } = KIND
    expect(chain.map(({ kind }) => kind)).toEqual([SERVER, SERVER, CLIENT, SERVER, SERVER, CLIENT])
    expect(chain.map(({ status }) => status)).toEqual(chain.map(() => 0))
    expect(inA.links).toEqual([{ traceId, spanId: into.spanId }])
    expect(inB.links).toEqual([])

    expect(into.attributes).toMatchObject({
      'mcp.method.name': 'tools/call',
      'http.route': '/mcp',
      'http.response.status_code': 200,
    })
    expect(inA.attributes).toMatchObject({
      'mcp.method.name': 'tools/call',
      'gen_ai.tool.name': 'order',
      'gen_ai.operation.name': 'execute_tool',
      'mcp.protocol.version': version,
      'network.transport': 'tcp',
      'client.address': '127.0.0.1',
      'jsonrpc.request.id': expect.stringMatching(/^\w+$/),
    })
    expect(out.attributes).toMatchObject({
      'http.request.method': 'POST',
      'url.full': expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/mcp$/),
      'server.address': '127.0.0.1',
      'http.response.status_code': 200,
    })
    expect(inB.attributes).toMatchObject({
      'gen_ai.tool.name': 'stock',
      'jsonrpc.request.id': 'from-a',
    })
    expect(query.attributes).toEqual({ 'db.system.name': 'memory' })
    // Each span's parent is one of the tree, or the host's own.
    const tree = spans.filter((span) => span.traceId === traceId)
    const ids = [SPAN_ID, ...tree.map(({ spanId }) => spanId)]
    expect(tree.filter(({ parentSpanId = '' }) => !ids.includes(parentSpanId))).toEqual([])
  })
})

describe('a batch', () => {
  it('has a span for each entry, with the parent that the entry names', () => {
    const calls = ['1', '2', '3'].map((id) =>
      only(find('a', 'tools/call stock').filter((s) => s.attributes['jsonrpc.request.id'] === id)),
    )
    const [first] = calls
    const http = only(find('a', 'POST /mcp').filter((s) => s.spanId === first?.links[0]?.spanId))
    expect(calls.map(({ traceId, parentSpanId }) => [traceId, parentSpanId])).toEqual([
      [TRACE_ID, SPAN_ID],
      [OTHER.traceId, OTHER.spanId],
      [http.traceId, http.spanId],
    ])
    const types = calls.map(({ attributes }) => attributes['error.type'])
    expect(types).toEqual([undefined, '-32603', undefined])
    expect(calls[1]?.attributes['mcp_prod.correlation_id']).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('names no tool that is not registered, and no secret of an error or a query', () => {
    const unknown = find('a', 'tools/call')
    expect(unknown).toHaveLength(90)
    expect(unknown[0]?.attributes['error.type']).toBe('-32602')
    expect(sent).not.toContain('evil-')
    expect(sent).not.toContain('hunter2')
  })
})

describe('prompts and resources', () => {
  it.each(CONTEXT.map((asked, i) => [i, ...asked] as const))(
    'have a span each, %i: %s',
    (i, method, _params, name) => {
      const span = only(find('a', name ? `${method} ${name}` : method, traceOf(i)))
      expect(span.parentSpanId).toBe(SPAN_ID)
      expect(span.links).toHaveLength(1)
      expect(span.attributes).toMatchObject({
        'mcp.method.name': method,
        'jsonrpc.request.id': `${i}`,
      })
      expect(span.attributes).not.toHaveProperty('mcp.resource.uri')
      expect(span.attributes).not.toHaveProperty('gen_ai.operation.name')
      const named =
        span.attributes['gen_ai.prompt.name'] ?? span.attributes['mcp_prod.resource.name']
      expect(named).toBe(name)
      const isMissing = name === undefined && method !== 'prompts/list'
      expect(span.attributes['mcp_prod.outcome']).toBe(isMissing ? 'not_found' : 'ok')
      expect(span.status).toBe(isMissing ? 2 : 0)
    },
  )
})
