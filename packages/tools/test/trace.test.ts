import { Client } from '@modelcontextprotocol/client'
import { InMemoryTransport } from '@modelcontextprotocol/server'
import { describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import {
  type CallEnd,
  createToolServer,
  defineTool,
  ToolError,
  type TraceCall,
  type TracedCall,
} from '../src/index.js'
import { listen, listenCall, serveStreams } from './listening.js'
import { clients, connect, info, legacyCall, modernCall, post, serve } from './support.js'

const run = vi.fn()
const tool = (name: string, work: () => string) =>
  defineTool({ name, description: name, input: z.object({}), run: work })
const fine = tool('fine', () => {
  run()
  return 'done'
})
const wrong = tool('wrong', () => {
  throw new ToolError('no')
})
const broken = tool('broken', () => {
  throw new Error('password=hunter2')
})
const secret = defineTool({
  name: 'secret',
  description: 'Needs a scope',
  input: z.object({}),
  scopes: ['admin'],
  run: () => 'done',
})

function recorder() {
  const calls: TracedCall[] = []
  const ends: CallEnd[] = []
  const trace: TraceCall = async (call, run) => {
    calls.push(call)
    ends.push(await run())
  }
  return { calls, ends, trace }
}

describe('trace', () => {
  it.each(clients)('is around each list and call: %s', async (_what, open) => {
    const { calls, ends, trace } = recorder()
    const { url } = await serve([fine], { trace })
    const client = await open(url)
    await client.listTools()
    const _meta = { traceparent: '00-1-2-01', other: 1 }
    await client.callTool({ name: 'fine', arguments: {}, _meta })
    expect(calls.map(({ method, tool, transport }) => [method, tool, transport])).toEqual([
      ['tools/list', undefined, 'http'],
      ['tools/call', 'fine', 'http'],
    ])
    expect(calls[1]?.meta).toMatchObject(_meta)
    expect(calls[1]?.protocolVersion).toMatch(/^20\d\d-\d\d-\d\d$/)
    expect(['string', 'number']).toContain(typeof calls[1]?.id)
    expect(ends).toEqual([{ outcome: 'ok' }, { outcome: 'ok' }])
  })

  it('is told how each call ended, without its text, and of no name that is not registered', async () => {
    const { calls, ends, trace } = recorder()
    const { url } = await serve([wrong, broken, secret], { trace })
    const names = ['wrong', 'broken', 'secret', '__proto__', `evil${'x'.repeat(500)}`]
    for (const name of names) {
      const { body, headers } = modernCall(name, {})
      await post(url, body, headers)
    }
    const { body } = legacyCall('wrong', {})
    await post(url, [body, { ...body, id: 2 }])
    expect(calls.map((call) => call.tool)).toEqual([
      ...['wrong', 'broken', 'secret', undefined, undefined],
      ...['wrong', 'wrong'],
    ])
    expect(ends).toEqual([
      { outcome: 'tool_error' },
      { outcome: 'error', code: -32603, correlationId: expect.any(String) },
      { outcome: 'denied', code: 403 },
      { outcome: 'unknown_tool', code: -32602 },
      { outcome: 'unknown_tool', code: -32602 },
      { outcome: 'tool_error' },
      { outcome: 'tool_error' },
    ])
    expect(JSON.stringify(ends)).not.toContain('hunter2')
  })

  it('knows stdio from HTTP', async () => {
    const { calls, trace } = recorder()
    const [near, far] = InMemoryTransport.createLinkedPair()
    const factory = createToolServer([fine], { ...info, trace, dangerouslyIgnoreScopes: true })
    await (await factory({ era: 'legacy' } as Parameters<typeof factory>[0])).connect(far)
    const client = new Client(info, { versionNegotiation: { mode: 'legacy' } })
    await client.connect(near)
    await client.callTool({ name: 'fine', arguments: {} })
    await client.close()
    expect(calls.at(-1)).toMatchObject({ tool: 'fine', transport: 'stdio' })
  })

  const hooks: [string, TraceCall][] = [
    ['throws', () => raise()],
    ['rejects', async () => raise()],
    ['does not run the call', () => {}],
    ['runs it late', (_call, run) => setTimeout(run, 5)],
    ['runs it twice', (_call, run) => Promise.all([run(), run()])],
    ['throws after it', (_call, run) => raise(run())],
  ]
  it.each(hooks)('changes no answer when it %s, and the tool runs once', async (_what, trace) => {
    run.mockClear()
    const { url } = await serve([fine], { trace })
    const client = await connect(url)
    expect((await client.listTools()).tools).toHaveLength(1)
    expect(await client.callTool({ name: 'fine' })).toMatchObject({ content: [{ text: 'done' }] })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(run).toHaveBeenCalledTimes(1)
  })

  it('must be a function', () => {
    const make = () => createToolServer([fine], { ...info, trace: {} as TraceCall })
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_TOOLS_OPTION' }))
  })
})

describe('subscriptions', () => {
  it('are counted against their limit, and each refusal is told', async () => {
    const onLimited = vi.fn((_req: unknown, _layer: 'streams') => raise())
    const limits = { maxSubscriptions: 2, maxSubscriptionsPerPrincipal: 1, onLimited }
    const { url, mcp } = await serveStreams(limits)
    expect(mcp.subscriptions).toEqual({ open: 0, limit: 2 })
    const of = (principal: string) => ({ 'x-principal': principal })
    const first = await listen(url, of('alice'))
    expect(mcp.subscriptions).toEqual({ open: 1, limit: 2 })
    expect((await listen(url, of('alice'), listenCall(2))).status).toBe(429)
    await listen(url, of('bob'))
    expect((await listen(url, of('carol'), listenCall(3))).status).toBe(503)
    const late = { ...of('dave'), 'x-expires-at': '1' }
    expect((await listen(url, late, listenCall(4))).status).toBe(401)
    expect(onLimited.mock.calls.map(([, layer]) => layer)).toEqual(['streams', 'streams'])
    expect(onLimited.mock.calls[0]?.[0]).toMatchObject({ method: 'POST' })
    first.hangUp()
    await vi.waitFor(() => expect(mcp.subscriptions.open).toBe(1))
  })

  it('may be told to what rejects', async () => {
    const { url } = await serveStreams({ maxSubscriptions: 0, onLimited: async () => raise() })
    expect((await listen(url)).status).toBe(503)
  })
})

function raise(_after?: unknown): never {
  throw new Error('hook failed')
}
