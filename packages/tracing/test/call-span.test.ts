import { propagation } from '@opentelemetry/api'
import { describe, expect, it } from 'vitest'
import type { CallEnd } from '../src/index.js'
import { traceFields } from '../src/index.js'
import { KIND, sink } from './sink.js'
import { appWith, callOf, listen, SPAN_ID, TRACE_ID, TRACEPARENT, tracingTo } from './support.js'

const ok = async (): Promise<CallEnd> => ({ outcome: 'ok' })

describe('the span of a call', () => {
  it('is a child of what _meta names, linked to the HTTP span', async () => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url)
    let active: unknown
    const meta = { traceparent: TRACEPARENT, tracestate: 'vendor=1', baggage: 'tenant=7' }
    const app = appWith(tracing, async (_req, res) => {
      await tracing.traceCall(callOf({ meta }), async () => {
        active = [traceFields()?.traceId, propagation.getActiveBaggage()?.getEntry('tenant')?.value]
        return { outcome: 'ok' }
      })
      res.end()
    })
    await fetch(`${await listen(app)}/mcp`)
    await collector.until(2)
    const [http] = collector.named('GET /mcp')
    const [call] = collector.named('tools/call lookup')
    expect(call).toMatchObject({
      kind: KIND.server,
      traceId: TRACE_ID,
      parentSpanId: SPAN_ID,
      traceState: 'vendor=1',
      links: [{ traceId: http?.traceId, spanId: http?.spanId }],
      status: 0,
    })
    expect(call?.attributes).toEqual({
      'mcp.method.name': 'tools/call',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'lookup',
      'jsonrpc.request.id': '7',
      'mcp.protocol.version': '2026-07-28',
      'network.transport': 'tcp',
      'client.address': '127.0.0.1',
      'mcp_prod.outcome': 'ok',
    })
    expect(active).toEqual([TRACE_ID, '7'])
  })

  it.each([
    ['prompts/get', { prompt: 'greet' }, 'gen_ai.prompt.name', 'greet'],
    ['completion/complete', { prompt: 'greet' }, 'gen_ai.prompt.name', 'greet'],
    ['resources/read', { resource: 'readme' }, 'mcp_prod.resource.name', 'readme'],
    ['resources/subscribe', { resource: 'page' }, 'mcp_prod.resource.name', 'page'],
  ])('names what a %s is for', async (method, asked, key, name) => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url)
    await tracing.traceCall(callOf({ method, tool: undefined, ...asked }), ok)
    const [span] = await collector.until(1)
    expect(span).toMatchObject({ name: `${method} ${name}`, kind: KIND.server, status: 0 })
    // Nothing runs a tool here.
    expect(span?.attributes).toEqual({
      'mcp.method.name': method,
      [key]: name,
      'jsonrpc.request.id': '7',
      'mcp.protocol.version': '2026-07-28',
      'network.transport': 'tcp',
      'mcp_prod.outcome': 'ok',
    })
  })

  it('has the baggage of where its parent is from, and no other', async () => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url)
    const seen: unknown[] = []
    const see = async (): Promise<CallEnd> => {
      seen.push(propagation.getActiveBaggage()?.getEntry('of')?.value)
      return { outcome: 'ok' }
    }
    const app = appWith(tracing, async (_req, res) => {
      await tracing.traceCall(callOf(), see)
      await tracing.traceCall(callOf({ meta: { traceparent: TRACEPARENT } }), see)
      await tracing.traceCall(callOf({ meta: { baggage: 'of=meta' } }), see)
      res.end()
    })
    await fetch(`${await listen(app)}/mcp`, { headers: { baggage: 'of=http' } })
    expect(seen).toEqual(['http', undefined, 'meta'])
  })

  it('is a child of the HTTP span when _meta names none, and a root without both', async () => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url)
    const app = appWith(tracing, async (_req, res) => {
      await tracing.traceCall(callOf({ method: 'tools/list', tool: undefined }), ok)
      res.end()
    })
    await fetch(`${await listen(app)}/mcp`)
    await tracing.traceCall(callOf({ transport: 'stdio' }), ok)
    await collector.until(3)
    const [http] = collector.named('GET /mcp')
    expect(collector.named('tools/list')[0]).toMatchObject({
      traceId: http?.traceId,
      parentSpanId: http?.spanId,
      links: [],
    })
    const [root] = collector.named('tools/call lookup')
    expect(root?.parentSpanId).toBeUndefined()
    expect(root?.attributes).toMatchObject({ 'network.transport': 'pipe' })
    expect(root?.attributes).not.toHaveProperty('client.address')
  })

  it.each<[CallEnd, string | undefined, number, string | undefined]>([
    [{ outcome: 'ok' }, undefined, 0, undefined],
    [{ outcome: 'ok', code: -32042 }, undefined, 0, '-32042'],
    [{ outcome: 'tool_error' }, 'tool_error', 2, undefined],
    [{ outcome: 'invalid_input' }, 'tool_error', 2, undefined],
    [{ outcome: 'timeout' }, 'timeout', 2, undefined],
    [{ outcome: 'overloaded' }, 'overloaded', 2, undefined],
    [{ outcome: 'cancelled' }, 'cancelled', 0, undefined],
    [{ outcome: 'denied', code: 403 }, '403', 2, '403'],
    [{ outcome: 'not_found', code: -32002 }, '-32002', 2, '-32002'],
    [{ outcome: 'unknown_tool', code: -32602 }, '-32602', 2, '-32602'],
    [{ outcome: 'error', code: -32603, correlationId: 'c-1' }, '-32603', 2, '-32603'],
  ])('ends as the call does: %j', async (ended, type, status, code) => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url)
    await tracing.traceCall(callOf(), async () => ended)
    const [span] = await collector.until(1)
    expect(span).toMatchObject({ status, events: 0 })
    expect(span?.attributes['error.type']).toBe(type)
    expect(span?.attributes['rpc.response.status_code']).toBe(code)
    expect(span?.attributes['mcp_prod.correlation_id']).toBe(ended.correlationId)
    expect(span?.attributes['mcp_prod.outcome']).toBe(ended.outcome)
  })
})

describe('what a caller can write', () => {
  const lies: [string, unknown][] = [
    ['a number', 7],
    ['an object', { toString: 'x' }],
    ['an array of a valid one', [TRACEPARENT]],
    ['a line break', `${TRACEPARENT}\r\nevil: 1`],
    ['a terminal sequence', '\u001b[2J'],
    ['a megabyte', '0'.repeat(1_000_000)],
    ['a valid one with blanks', ` ${TRACEPARENT} `],
  ]
  it.each(lies)('as traceparent is ignored: %s', async (_what, traceparent) => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url)
    await tracing.traceCall(callOf({ meta: { traceparent, tracestate: 'a=1' } }), ok)
    const [span] = await collector.until(1)
    expect(span?.parentSpanId).toBeUndefined()
    expect(span?.traceState).toBeFalsy()
    expect(span?.links).toEqual([])
  })

  it('as prototype of _meta is no trace context', async () => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url)
    const polluted = Object.create({ traceparent: TRACEPARENT })
    const parsed = JSON.parse(`{"__proto__":{"traceparent":"${TRACEPARENT}"}}`)
    const constructed = JSON.parse('{"constructor":{"prototype":{"a":1}},"hasOwnProperty":1}')
    for (const meta of [polluted, parsed, constructed])
      await tracing.traceCall(callOf({ meta }), ok)
    const spans = await collector.until(3)
    expect(spans.map(({ parentSpanId }) => parentSpanId)).toEqual([undefined, undefined, undefined])
    expect(({} as { a?: unknown }).a).toBeUndefined()
  })

  it('never makes names: 10,000 tools that are not registered are one', async () => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url, { OTEL_BSP_MAX_QUEUE_SIZE: '20000' })
    // The hook is given registered names alone; what a caller called is in no field of it but `_meta` and the id.
    for (let i = 0; i < 10_000; i++)
      await tracing.traceCall(callOf({ tool: undefined, id: `tool-${i}` }), async () => ({
        outcome: 'unknown_tool',
        code: -32602,
      }))
    const spans = await collector.until(10_000)
    expect(new Set(spans.map(({ name }) => name))).toEqual(new Set(['tools/call']))
  })

  it('is cut and cleaned where it is told: id and version', async () => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url)
    const id = `\u001b[31m\n\u202e${'i'.repeat(100_000)}`
    await tracing.traceCall(callOf({ id, protocolVersion: 'v'.repeat(100_000) }), ok)
    const [span] = await collector.until(1)
    const told = String(span?.attributes['jsonrpc.request.id'])
    expect(told).toHaveLength(64)
    expect(told).toMatch(/^\ufffd\[31m\ufffd\ufffdi+$/)
    expect(span?.attributes).not.toHaveProperty('mcp.protocol.version')
  })
})
