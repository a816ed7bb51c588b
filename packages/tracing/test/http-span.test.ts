import { once } from 'node:events'
import { connect } from 'node:net'
import { jsonBody } from '@mcp-prod/rpc'
import { context, SpanKind, trace } from '@opentelemetry/api'
import express from 'express'
import { describe, expect, it } from 'vitest'
import { sampledTraceFields, traceFields } from '../src/index.js'
import { KIND, sink } from './sink.js'
import { appWith, listen, SPAN_ID, TRACE_ID, TRACEPARENT, tracingTo } from './support.js'

describe('the span of a request', () => {
  it('has the name of method and route, and what the conventions ask for', async () => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url)
    const url = await listen(appWith(tracing))
    await fetch(`${url}/mcp?token=hunter2`, { method: 'POST', headers: { 'user-agent': 'me/1' } })
    const [span] = await collector.until(1)
    expect(span).toMatchObject({
      name: 'POST /mcp',
      kind: KIND.server,
      parentSpanId: undefined,
      status: 0,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/mcp',
        'http.response.status_code': 200,
        'url.path': '/mcp',
        'url.scheme': 'http',
        'server.address': '127.0.0.1',
        'client.address': '127.0.0.1',
        'user_agent.original': 'me/1',
        'network.protocol.version': '1.1',
      },
      service: { 'service.name': 'shop', 'service.version': '1.2.3' },
    })
    expect(collector.bodies.join()).not.toContain('hunter2')
  })

  it('does not tell a path that nobody serves: it is what a stranger wrote', async () => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url)
    const url = await listen(appWith(tracing))
    await fetch(`${url}/password=hunter2`)
    const [span] = await collector.until(1)
    expect(span).toMatchObject({ name: 'GET', attributes: { 'http.response.status_code': 404 } })
    expect(collector.bodies.join()).not.toContain('hunter2')
  })

  it('takes its parent from the headers', async () => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url)
    const url = await listen(appWith(tracing))
    await fetch(`${url}/mcp`, { headers: { traceparent: TRACEPARENT, tracestate: 'a=1' } })
    const [span] = await collector.until(1)
    expect(span).toMatchObject({ traceId: TRACE_ID, parentSpanId: SPAN_ID, traceState: 'a=1' })
  })

  const wrong = {
    'of another shape': 'nonsense',
    'all zero': `00-${'0'.repeat(32)}-${SPAN_ID}-01`,
    'of version ff': TRACEPARENT.replace('00-', 'ff-'),
    'in capitals': TRACEPARENT.toUpperCase(),
    'with more behind it': `${TRACEPARENT}-more`,
    huge: `01-${TRACE_ID}-${SPAN_ID}-01-${'a'.repeat(8000)}`,
  }
  it.each(Object.entries(wrong))('is a root when traceparent is %s', async (_what, traceparent) => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url)
    const url = await listen(appWith(tracing))
    await fetch(`${url}/mcp`, { headers: { traceparent } })
    const [span] = await collector.until(1)
    expect(span?.parentSpanId).toBeUndefined()
    expect(span?.traceId).not.toBe(TRACE_ID)
  })

  it('is an error at 5xx and none at 4xx', async () => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url)
    const url = await listen(
      appWith(tracing, (req, res) => void res.status(Number(req.query.status)).end()),
    )
    for (const status of [503, 404]) await fetch(`${url}/mcp?status=${status}`)
    const spans = await collector.until(2)
    expect(spans.map(({ status, attributes }) => [status, attributes['error.type']])).toEqual([
      [2, '503'],
      [0, undefined],
    ])
  })

  it('ends with 499 when the client goes away', async () => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url)
    const abort = new AbortController()
    const url = await listen(appWith(tracing, () => abort.abort()))
    await fetch(`${url}/mcp`, { signal: abort.signal }).catch(() => {})
    const [span] = await collector.until(1)
    expect(span?.attributes['http.response.status_code']).toBe(499)
    expect(span?.status).toBe(0)
  })

  it('has no name, method or text of a stranger’s making', async () => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url)
    const app = appWith(tracing)
    app.use(
      '/of/:tenant',
      express.Router().get('/x', (_req, res) => res.end()),
    )
    const url = await listen(app)
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    await once(socket, 'connect')
    for (let i = 0; i < 150; i++)
      socket.write(
        `GET /of/${i}/x HTTP/1.1\r\nHost: a\r\nUser-Agent: \x80\x9b2J${'u'.repeat(900)}\r\n\r\n`,
      )
    await collector.until(150)
    for (let i = 0; i < 50; i++) await fetch(`${url}/nowhere/${i}`, { method: 'PURGE' })
    const spans = await collector.until(200)
    socket.destroy()
    expect(new Set(spans.map(({ name }) => name)).size).toBeLessThanOrEqual(102)
    expect(spans.at(-1)?.name).toBe('_OTHER')
    const agent = String(spans[0]?.attributes['user_agent.original'])
    expect(agent).toHaveLength(256)
    expect(agent).not.toMatch(/[\x80-\x9f]/)
  })

  it('names the method that the body calls, if it is one and known', async () => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url)
    const app = express()
    app.use(tracing.middleware, jsonBody())
    app.post('/mcp', (_req, res) => res.end())
    const url = await listen(app)
    const call = (method: string) => ({ jsonrpc: '2.0', id: 1, method })
    for (const body of [call('tools/list'), call('evil/\n'), [call('ping'), call('ping')]]) {
      await fetch(`${url}/mcp`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    }
    const spans = await collector.until(3)
    expect(spans.map(({ attributes }) => attributes['mcp.method.name'])).toEqual([
      'tools/list',
      undefined,
      undefined,
    ])
  })

  it('is the active one of all that follows, also when the answer has ended', async () => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url)
    const seen: unknown[] = []
    const app = express()
    app.use(tracing.middleware)
    app.use((_req, res, next) => {
      res.once('close', () => seen.push(traceFields()))
      next()
    }, jsonBody())
    app.post('/mcp', async (_req, res) => {
      await new Promise((resolve) => setTimeout(resolve, 5))
      seen.push(traceFields(), sampledTraceFields())
      res.end()
    })
    const url = await listen(app)
    await fetch(`${url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text: 'x'.repeat(200_000) }),
    })
    const [span] = await collector.until(1)
    const fields = { traceId: span?.traceId, spanId: span?.spanId }
    expect(seen).toEqual([fields, fields, fields])
    expect(traceFields()).toBeUndefined()
  })

  it('is not made where an instrumentation has made one', async () => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url)
    const seen: unknown[] = []
    const app = express()
    app.use((_req, res, next) => {
      const tracer = trace.getTracer('instrumentation')
      const span = tracer.startSpan('theirs', { kind: SpanKind.SERVER })
      res.once('close', () => span.end())
      context.with(trace.setSpan(context.active(), span), next)
    }, tracing.middleware)
    app.get('/mcp', (_req, res) => {
      seen.push(traceFields()?.spanId)
      res.end()
    })
    await fetch(`${await listen(app)}/mcp`)
    await collector.until(1)
    await tracing.close()
    expect(collector.spans.map(({ name }) => name)).toEqual(['theirs'])
    expect(seen).toEqual([collector.spans[0]?.spanId])
  })
})

describe('sampling', () => {
  it.each([
    ['by default follows the caller', {}, '00', 0],
    [
      'at a ratio does not',
      { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '1' },
      '00',
      1,
    ],
    [
      'at a ratio of 0 takes none',
      { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' },
      '01',
      0,
    ],
    ['can be off', { OTEL_TRACES_SAMPLER: 'always_off' }, '01', 0],
  ])('%s', async (_what, env, flags, count) => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url, env)
    const seen: unknown[] = []
    const app = appWith(tracing, (_req, res) => {
      seen.push(traceFields()?.traceId, sampledTraceFields()?.traceId)
      res.end()
    })
    const url = await listen(app)
    await fetch(`${url}/mcp`, { headers: { traceparent: `${TRACEPARENT.slice(0, -2)}${flags}` } })
    await tracing.close()
    expect(collector.spans).toHaveLength(count)
    expect(tracing.stats()).toEqual({ exported: count, failed: 0, dropped: 0 })
    expect(seen).toEqual([TRACE_ID, count ? TRACE_ID : undefined])
  })
})
