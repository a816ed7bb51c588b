import { spawnSync } from 'node:child_process'
import { Counter, Gauge, Registry } from 'prom-client'
import { describe, expect, it, vi } from 'vitest'
import { ok, request, serve } from './serve.js'

const TEXT = 'text/plain; version=0.0.4; charset=utf-8'
const OPEN = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
const PROMETHEUS_2 =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
const PROMETHEUS_3 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1'
const TRACE = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
const EXEMPLAR = `# {trace_id="${TRACE.traceId}",span_id="${TRACE.spanId}"}`

describe('the format', () => {
  it.each([
    [TEXT, undefined],
    [TEXT, '*/*'],
    [TEXT, 'text/html'],
    [TEXT, ';;q=x,,,/'],
    [TEXT, 'text/plain;version=0.0.4;q=1,*/*;q=0.1'],
    [TEXT, 'application/openmetrics-text;version=0.0.1'],
    [TEXT, 'application/openmetrics-text;version=2.0.0'],
    [TEXT, 'application/openmetrics-text;q=0'],
    [TEXT, 'application/openmetrics-text;q=Infinity,text/plain;q=0.1'],
    [TEXT, 'application/openmetrics-text;q=0.3,text/*;q=0.4'],
    [TEXT, 'text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.8'],
    [OPEN, PROMETHEUS_2],
    [OPEN, PROMETHEUS_3],
    [OPEN, 'application/openmetrics-text'],
    [OPEN, 'Application/OpenMetrics-Text; Version="1.0.0" ; Q=0.5, text/plain;q=0.4'],
    [OPEN, 'application/openmetrics-text;q=0.5,text/plain;q=0,*/*;q=0.9'],
  ])('is %s for %s', async (expected, accept) => {
    const { scrape } = await serve(ok)
    const { text, type } = await scrape(accept)
    expect(type).toBe(expected)
    expect(text.endsWith('# EOF\n')).toBe(expected === OPEN)
  })

  it('keeps the names of counters, whatever was asked for before or at the same time', async () => {
    const { metrics, scrape } = await serve(ok, { tools: ['t'] })
    new Counter({ name: 'yours_total', help: 'h', registers: [metrics.registry] }).inc()
    const names = (text: string) =>
      new Set([...text.matchAll(/^([a-z_]+)(?:\{.*\})? [^ ]+/gm)].map(([, name]) => name))
    const scrapes = await Promise.all(
      Array.from({ length: 20 }, (_, i) => scrape(i % 2 ? PROMETHEUS_2 : TEXT)),
    )
    const [first] = scrapes
    for (const [i, { text, type }] of scrapes.entries()) {
      expect(type).toBe(i % 2 ? OPEN : TEXT)
      expect(names(text)).toEqual(names(first?.text ?? ''))
      expect(text.includes('# TYPE yours_total counter')).toBe(i % 2 === 0)
      expect(text.includes('# TYPE yours counter')).toBe(i % 2 === 1)
      expect(text).toContain('\nmcp_tool_calls_total{tool="t",outcome="ok"} 0\n')
    }
    expect(metrics.registry.getSingleMetric('yours_total')).toBeDefined()
    expect(await metrics.registry.metrics()).toContain('\nyours_total 1\n')
    expect(metrics.registry.contentType).toBe(Registry.PROMETHEUS_CONTENT_TYPE)
  })

  it('writes the default labels of the registry', async () => {
    const { metrics, scrape } = await serve(ok)
    metrics.registry.setDefaultLabels({ zone: 'a' })
    for (const accept of [TEXT, OPEN])
      expect((await scrape(accept)).text).toContain('mcp_requests_in_flight{zone="a"} 0')
  })
})

describe('exemplars', () => {
  it('are on latencies and tool calls in OpenMetrics, and not in the text format', async () => {
    const { metrics, post, scrape } = await serve(ok, { tools: ['t'], exemplarOf: () => TRACE })
    await post(request('tools/call'))
    metrics.observeTool({ tool: 't', outcome: 'ok', durationMs: 30 })
    metrics.observeTool({ tool: 't', outcome: 'ok', durationMs: 60_000 })
    await vi.waitFor(async () => {
      const { text } = await scrape(OPEN)
      const line = (start: string) => text.split('\n').find((found) => found.startsWith(start))
      const ofTool = 'mcp_tool_duration_seconds_bucket'
      expect(line(`${ofTool}{le="0.05",tool="t"} 1 `)).toContain(`${EXEMPLAR} 0.03 `)
      expect(line(`${ofTool}{le="+Inf",tool="t"} 2 `)).toContain(`${EXEMPLAR} 60 `)
      expect(line('mcp_tool_calls_total{tool="t",outcome="ok"} 2 ')).toContain(`${EXEMPLAR} 1 `)
      expect(text).toMatch(
        /^mcp_request_duration_seconds_bucket\{.*method="tools\/call"\} 1 # \{trace_id=/m,
      )
    })
    expect((await scrape(TEXT)).text).not.toContain('trace_id')
  })

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no trace')
      },
    ],
    ['is undefined', () => undefined],
    ['is null', () => null],
    ['is too long', () => ({ traceId: 'a'.repeat(200), spanId: TRACE.spanId })],
    ['is no text', () => ({ traceId: TRACE.traceId, spanId: 7 })],
    ['is an injection', () => ({ traceId: '"} 1\nevil 1', spanId: TRACE.spanId })],
    ['is of no trace', () => ({ traceId: '0'.repeat(32), spanId: '0'.repeat(16) })],
  ])('are left out when exemplarOf %s, and no request fails', async (_, exemplarOf) => {
    const { metrics, post, scrape } = await serve(ok, {
      tools: ['t'],
      exemplarOf: exemplarOf as never,
    })
    expect(await post(request('tools/call'))).toBe(200)
    metrics.observeTool({ tool: 't', outcome: 'ok', durationMs: 30 })
    const { text } = await scrape(OPEN)
    expect(text).toContain('mcp_tool_calls_total{tool="t",outcome="ok"} 1\n')
    expect(text).not.toContain(' # ')
  })
})

describe('a metric that cannot be read', () => {
  it('is left out when it throws, and the others are there', async () => {
    const { metrics, scrape } = await serve(ok)
    new Gauge({
      name: 'yours',
      help: 'h',
      registers: [metrics.registry],
      collect: () => Promise.reject(new Error('password=hunter2')),
    })
    for (const accept of [TEXT, OPEN]) {
      const { text } = await scrape(accept)
      expect(text).toContain('mcp_requests_in_flight 0')
      expect(text).not.toMatch(/yours|hunter2/)
    }
  })

  it('holds one scrape for 3 s, later ones not at all, and comes back when it answers', async () => {
    const { metrics, scrape } = await serve(ok)
    let answer = () => {}
    let reads = 0
    new Gauge({
      name: 'yours',
      help: 'h',
      registers: [metrics.registry],
      collect() {
        reads++
        return new Promise<void>((resolve) => {
          answer = resolve
        })
      },
    })
    const took = async () => {
      const started = performance.now()
      const { text } = await scrape()
      expect(text).toContain('mcp_requests_in_flight 0')
      expect(text).not.toContain('yours')
      return performance.now() - started
    }
    const first = await took()
    expect(first).toBeGreaterThan(2_900)
    expect(first).toBeLessThan(8_000)
    for (let i = 0; i < 5; i++) expect(await took()).toBeLessThan(2_000)
    expect(reads).toBe(1)
    answer()
    const next = scrape()
    await vi.waitFor(() => expect(reads).toBe(2))
    answer()
    expect((await next).text).toContain('yours 0')
  })
})

it('reads well to Prometheus with everything that there is', async ({ skip }) => {
  const { metrics, scrape, server } = await serve(ok, {
    runtime: true,
    tools: ['a"b\\c\nd'],
    dependencies: ['__proto__'],
  })
  metrics.observePool('db', () => ({ size: 5, idle: 2, waiting: 0, max: 10 }))
  metrics.observeSubscriptions(() => ({ open: 1, limit: 100 }))
  metrics.observeDrain(() => ({ drainingForMs: 0, limitMs: 28_000 }))
  const check = { status: 'up', critical: true, durationMs: 3 }
  metrics.observeHealth(async () => ({ ready: true, checks: { 'a"b\\c\nd': check } }))
  metrics.observeCertificate('server', () => Date.now())
  metrics.observeLog('main', () => 0)
  metrics.observeSpans(() => ({ exported: 1, failed: 2, dropped: 3 }))
  metrics.observeConnections(server)
  const { text } = await scrape()
  expect(text).toContain('mcp_health_check_up{check="a\\"b\\\\c\\nd",critical="true"} 1\n')
  const promtool = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
  if (promtool.error && process.env.REQUIRE_COMPONENTS !== '1') skip('promtool is not installed')
  expect(promtool.error).toBeUndefined()
  expect(promtool.stderr.split('\n').filter((line) => /^mcp_|^error/.test(line))).toEqual([])
})
