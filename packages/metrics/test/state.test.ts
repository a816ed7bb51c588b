/** What is kept elsewhere and read at each scrape, and what is refused. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import { describe, expect, it, vi } from 'vitest'
import { createMetrics, type HealthState, type Metrics } from '../src/index.js'
import { memoryLimit } from '../src/process-metrics.js'
import { closeAfter, ok, serve } from './serve.js'

function create(options = {}) {
  const metrics = createMetrics({ runtime: false, ...options })
  const series = async (name: string) =>
    (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith(name))
  return { metrics, series }
}

const up = (durationMs = 3) => ({ status: 'up', critical: true, durationMs })
const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, undefined, null, '1']

describe('refusals', () => {
  it('by limits begin at 0, and other layers are one', async () => {
    const { metrics, series } = create()
    expect(await series('mcp_requests_limited_total')).toEqual(
      ['ip', 'principal', 'tool', 'concurrency', 'overload', 'streams', 'sessions', 'other'].map(
        (layer) => `mcp_requests_limited_total{layer="${layer}"} 0`,
      ),
    )
    metrics.observeLimited('ip')
    metrics.observeLimited('overload')
    for (let i = 0; i < 10_000; i++) metrics.observeLimited(`l${i}"} 1\n`)
    metrics.observeLimited('__proto__')
    expect(await series('mcp_requests_limited_total')).toEqual([
      'mcp_requests_limited_total{layer="ip"} 1',
      'mcp_requests_limited_total{layer="principal"} 0',
      'mcp_requests_limited_total{layer="tool"} 0',
      'mcp_requests_limited_total{layer="concurrency"} 0',
      'mcp_requests_limited_total{layer="overload"} 1',
      'mcp_requests_limited_total{layer="streams"} 0',
      'mcp_requests_limited_total{layer="sessions"} 0',
      'mcp_requests_limited_total{layer="other"} 10001',
    ])
  })

  it('by authentication begin at 0, and other reasons are one', async () => {
    const { metrics, series } = create()
    const before = await series('mcp_requests_refused_total')
    expect(before.filter((line) => !line.endsWith(' 0'))).toEqual([])
    expect(before).toHaveLength(24)
    metrics.observeRefused('expired')
    metrics.observeRefused('scope')
    for (let i = 0; i < 10_000; i++) metrics.observeRefused(`r${i}`)
    metrics.observeRefused(undefined as never)
    const after = await series('mcp_requests_refused_total')
    expect(after).toHaveLength(24)
    expect(after.filter((line) => !line.endsWith(' 0'))).toEqual([
      'mcp_requests_refused_total{reason="expired"} 1',
      'mcp_requests_refused_total{reason="scope"} 1',
      'mcp_requests_refused_total{reason="other"} 10001',
    ])
  })
})

describe('what is read', () => {
  it('has no series before it is wired', async () => {
    const { series } = create()
    for (const name of ['subscriptions', 'drain', 'ready', 'health', 'certificate', 'log', 'spans'])
      expect(await series(`mcp_${name}`)).toEqual([])
    expect(await series('mcp_connections')).toEqual([])
  })

  it('is shown as it is at the scrape, in seconds', async () => {
    const { metrics, series } = create()
    let open = 3
    let dropped = 0
    metrics.observeSubscriptions(() => ({ open, limit: 1000 }))
    metrics.observeDrain(() => ({ drainingForMs: 1500, limitMs: 28_000 }))
    metrics.observeLog('main', () => dropped)
    metrics.observeLog('audit', () => 7)
    metrics.observeSpans(() => ({ exported: 5, failed: 0, dropped: 2 }))
    metrics.observeCertificate('server', () => 1_800_000_000_500)
    expect(await series('mcp_subscriptions_open')).toEqual(['mcp_subscriptions_open 3'])
    open = 0
    dropped = 4
    const all = await series('mcp_')
    for (const line of [
      'mcp_subscriptions_open 0',
      'mcp_subscriptions_limit 1000',
      'mcp_drain_seconds 1.5',
      'mcp_drain_limit_seconds 28',
      'mcp_log_lines_dropped_total{log="main"} 4',
      'mcp_log_lines_dropped_total{log="audit"} 7',
      'mcp_spans_total{outcome="exported"} 5',
      'mcp_spans_total{outcome="failed"} 0',
      'mcp_spans_total{outcome="dropped"} 2',
      'mcp_certificate_expiry_timestamp_seconds{certificate="server"} 1800000000.5',
    ])
      expect(all).toContain(line)
  })

  it('is missing while it throws or is no number, and hides nothing else', async () => {
    const { metrics, series } = create()
    const fail = () => {
      throw new Error('password=hunter2')
    }
    metrics.observeSubscriptions(fail)
    metrics.observeDrain(fail)
    metrics.observeSpans(fail)
    metrics.observeHealth(fail)
    metrics.observeCertificate('server', fail)
    metrics.observeCertificate('client', () => undefined)
    metrics.observeLog('main', fail)
    metrics.observeLog('audit', () => -1)
    for (const [i, value] of odd.entries()) metrics.observeLog(`odd${i}`, () => value as never)
    metrics.observeLog('good', () => 1)
    for (const name of ['subscriptions', 'drain', 'ready', 'health', 'certificate', 'spans'])
      expect(await series(`mcp_${name}`)).toEqual([])
    expect(await series('mcp_log')).toEqual(['mcp_log_lines_dropped_total{log="good"} 1'])
    expect(await series('mcp_requests_in_flight')).toEqual(['mcp_requests_in_flight 0'])
  })

  it.each<[string, (metrics: Metrics) => void]>([
    ['observeDrain', (metrics) => metrics.observeDrain(() => ({ drainingForMs: 0, limitMs: 1 }))],
    ['observeSpans reads', (metrics) => metrics.observeSpans('x' as never)],
    ['the name of log "main"', (metrics) => metrics.observeLog('main', () => 1)],
    ['reads certificate "x"', (metrics) => metrics.observeCertificate('x', 1 as never)],
    ['the name of a certificate', (metrics) => metrics.observeCertificate('', () => 1)],
    ['server', (metrics) => metrics.observeConnections({} as never)],
  ])('is refused when it is wired wrongly: %s', (what, wire) => {
    const { metrics } = create()
    metrics.observeDrain(() => ({ drainingForMs: 0, limitMs: 1 }))
    metrics.observeLog('main', () => 0)
    expect(() => wire(metrics)).toThrow(
      expect.objectContaining({
        code: 'ERR_METRICS_OPTION',
        message: expect.stringContaining(what),
      }),
    )
  })
})

describe('connections', () => {
  it('are those of the server, beside its limit', async () => {
    const { metrics, series } = create()
    const server = createServer().listen(0, '127.0.0.1')
    closeAfter(() => server.close())
    await once(server, 'listening')
    metrics.observeConnections(server)
    expect(await series('mcp_connections')).toEqual(['mcp_connections_open 0'])
    server.maxConnections = 50
    const { port } = server.address() as AddressInfo
    const sockets = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
    await vi.waitFor(async () =>
      expect(await series('mcp_connections')).toEqual([
        'mcp_connections_open 2',
        'mcp_connections_limit 50',
      ]),
    )
    for (const socket of sockets) socket.destroy()
    await vi.waitFor(async () =>
      expect(await series('mcp_connections_open')).toEqual(['mcp_connections_open 0']),
    )
  })
})

describe('health', () => {
  it('is read once a scrape, with all that it says', async () => {
    const { metrics, series } = create()
    let state: HealthState = {
      ready: true,
      checks: {
        db: up(250),
        cache: { status: 'timeout', critical: false, durationMs: 2000 },
        ['__proto__']: up(),
        odd: up(Number.NaN),
      },
    }
    const read = vi.fn(async () => state)
    metrics.observeHealth(read)
    expect(await series('mcp_ready')).toEqual(['mcp_ready 1'])
    expect(read).toHaveBeenCalledTimes(1)
    expect(await series('mcp_health')).toEqual([
      'mcp_health_check_up{check="db",critical="true"} 1',
      'mcp_health_check_up{check="cache",critical="false"} 0',
      'mcp_health_check_up{check="__proto__",critical="true"} 1',
      'mcp_health_check_up{check="odd",critical="true"} 1',
      'mcp_health_check_duration_seconds{check="db",critical="true"} 0.25',
      'mcp_health_check_duration_seconds{check="cache",critical="false"} 2',
      'mcp_health_check_duration_seconds{check="__proto__",critical="true"} 0.003',
    ])
    state = { ready: false, checks: { db: { ...up(), status: 'down' } } }
    expect(await series('mcp_ready')).toEqual(['mcp_ready 0'])
    expect(await series('mcp_health_check_up')).toEqual([
      'mcp_health_check_up{check="db",critical="true"} 0',
    ])
  })

  it('makes at most 100 series of 10,000 names', async () => {
    const { metrics, series } = create()
    let round = 0
    metrics.observeHealth(async () => ({
      ready: true,
      checks: Object.fromEntries(
        Array.from({ length: 1000 }, (_, i) => [
          `c${round * 1000 + i}`,
          { ...up(), status: i === 999 ? 'down' : 'up' },
        ]),
      ),
    }))
    const seen = new Set<string>()
    for (; round < 10; round++) {
      for (const line of await series('mcp_health_check_up')) seen.add(line.split(' ')[0] ?? '')
      // The one that is down is not hidden by those that are up.
      expect(await series('mcp_health_check_up{check="other"')).toEqual([
        'mcp_health_check_up{check="other",critical="true"} 0',
      ])
    }
    expect(seen.size).toBe(101)
  })

  it('that hangs holds one scrape for 3 s and no other, is asked once, and comes back', async () => {
    const { metrics, scrape } = await serve(ok)
    let answer = (_state: HealthState) => {}
    const read = vi.fn(
      () =>
        new Promise<HealthState>((resolve) => {
          answer = resolve
        }),
    )
    metrics.observeHealth(read)
    const started = performance.now()
    const first = await Promise.all([scrape(), scrape('application/openmetrics-text')])
    expect(performance.now() - started).toBeLessThan(8_000)
    const again = performance.now()
    for (const { text } of [...first, await scrape(), await scrape()]) {
      expect(text).toContain('mcp_requests_in_flight 0')
      expect(text).not.toMatch(/mcp_ready|mcp_health/)
    }
    expect(performance.now() - again).toBeLessThan(2_000)
    expect(read).toHaveBeenCalledTimes(1)
    answer({ ready: true, checks: {} })
    const next = scrape()
    await vi.waitFor(() => expect(read).toHaveBeenCalledTimes(2))
    answer({ ready: true, checks: { db: up() } })
    const { text } = await next
    expect(text).toContain('mcp_ready 1\n')
    expect(text).toContain('mcp_health_check_up{check="db",critical="true"} 1\n')
  })
})

describe('Node', () => {
  it('shows its limits of heap and memory', async () => {
    const { series } = create({ runtime: true })
    const [heap] = await series('mcp_heap_limit_bytes')
    expect(heap).toBe(`mcp_heap_limit_bytes ${getHeapStatistics().heap_size_limit}`)
    const limit = memoryLimit(process.constrainedMemory(), totalmem())
    expect(await series('mcp_memory_limit_bytes')).toEqual(
      limit ? [`mcp_memory_limit_bytes ${limit}`] : [],
    )
    for (const name of ['process_start_time_seconds', 'nodejs_eventloop_lag_p99_seconds'])
      expect(await series(name)).toHaveLength(1)
  })

  it.each([
    [512, 512],
    [1024, 1024],
    [undefined, 0],
    [undefined, undefined],
    [undefined, 1025],
    [undefined, 2 ** 63],
  ])('takes for the limit %s when the kernel says %s of 1024 bytes', (expected, bytes) => {
    expect(memoryLimit(bytes, 1024)).toBe(expected)
  })
})

it('throws into no request, whatever a duration is', async () => {
  const { metrics, series } = create({ tools: ['t'], dependencies: ['db'] })
  for (const durationMs of [...odd, -1, {}] as number[]) {
    metrics.observeTool({ tool: 't', outcome: 'ok', durationMs })
    metrics.observeEventLoopBlocked(durationMs)
    metrics.observeDependency({ policy: 'db', type: 'success', durationMs })
  }
  expect(await series('mcp_tool_calls_total{tool="t",outcome="ok"}')).toEqual([
    'mcp_tool_calls_total{tool="t",outcome="ok"} 8',
  ])
  expect(await series('mcp_tool_duration_seconds_count')).toEqual([])
  expect(await series('mcp_event_loop_blocked_seconds_total')).toEqual([
    'mcp_event_loop_blocked_seconds_total 0',
  ])
})
