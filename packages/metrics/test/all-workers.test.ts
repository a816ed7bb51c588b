import { Gauge } from 'prom-client'
import { expect, it } from 'vitest'
import { allWorkers, createMetrics, type Metrics, type Snapshot } from '../src/index.js'
import { serve } from './serve.js'

/** Processes of one server, all in this one. */
function workersOf(count: number) {
  const own = createMetrics({ tools: ['sum'], name: 'shop', version: '1.0.0' })
  const alive = new Map<number, Metrics>()
  const silent = new Set<number>()
  for (let i = 1; i <= count; i++) alive.set(i, createMetrics({ tools: ['sum'], name: 'shop' }))
  const all = allWorkers(own, async () => {
    const found = new Map<number, Snapshot | undefined>()
    for (const [worker, metrics] of alive) {
      // As it comes from another process.
      const snapshot = silent.has(worker) ? undefined : structuredClone(await metrics.snapshot())
      found.set(worker, snapshot)
    }
    return found
  })
  async function value(name: string, labels: object = {}, series = name) {
    const metric = (await all.snapshot()).find((found) => found.name === name)
    const values = (metric?.values ?? []).filter(
      (found) =>
        (found.metricName ?? name) === series &&
        JSON.stringify(Object.entries(found.labels).sort()) ===
          JSON.stringify(Object.entries(labels).sort()),
    )
    expect(values.length).toBeLessThanOrEqual(1)
    return values[0]?.value
  }
  const call = (worker: number, durationMs = 30) =>
    alive.get(worker)?.observeTool({ tool: 'sum', outcome: 'ok', durationMs })
  const calls = () => value('mcp_tool_calls_total', { tool: 'sum', outcome: 'ok' })
  return { own, alive, silent, all, value, call, calls }
}

it('adds up what all have counted, histograms too', async () => {
  const { call, calls, value } = workersOf(3)
  for (const worker of [1, 2, 2, 3, 3, 3]) call(worker, worker * 20)
  expect(await calls()).toBe(6)
  const histogram = 'mcp_tool_duration_seconds'
  expect(await value(histogram, { tool: 'sum' }, `${histogram}_count`)).toBe(6)
  expect(await value(histogram, { tool: 'sum' }, `${histogram}_sum`)).toBeCloseTo(0.28)
  expect(await value(histogram, { tool: 'sum', le: 0.025 }, `${histogram}_bucket`)).toBe(1)
  expect(await value(histogram, { tool: 'sum', le: '+Inf' }, `${histogram}_bucket`)).toBe(6)
})

it('never counts back when a worker dies, however it dies', async () => {
  const { alive, silent, all, call, calls } = workersOf(3)
  for (let i = 0; i < 5; i++) for (const worker of [1, 2, 3]) call(worker)
  expect(await calls()).toBe(15)
  // It hangs: what it had counted stays.
  silent.add(1)
  expect(await calls()).toBe(15)
  // Then it is killed. What it counted since it was asked last nobody knows.
  call(1)
  alive.delete(1)
  expect(await calls()).toBe(15)
  all.gone(1)
  all.gone(1)
  expect(await calls()).toBe(15)
  // One that ends in order says it.
  call(2)
  const last = await alive.get(2)?.snapshot()
  if (last) all.keep(2, last)
  alive.delete(2)
  all.gone(2)
  expect(await calls()).toBe(16)
  // Another one takes its place, and begins with 0.
  alive.set(4, createMetrics({ tools: ['sum'] }))
  call(4)
  expect(await calls()).toBe(17)
  // A word from the dead brings nothing back.
  if (last) all.keep(2, last)
  expect(await calls()).toBe(17)
})

it('counts one that ends while all are asked once, and not twice', async () => {
  const own = createMetrics({ tools: ['sum'] })
  const worker = createMetrics({ tools: ['sum'] })
  worker.observeTool({ tool: 'sum', outcome: 'ok', durationMs: 1 })
  let isDead = false
  const all = allWorkers(own, async () => {
    const snapshot = await worker.snapshot()
    if (!isDead) {
      isDead = true
      all.keep(1, snapshot)
      all.gone(1)
    }
    return new Map([[1, snapshot]])
  })
  const { values = [] } =
    (await all.snapshot()).find(({ name }) => name === 'mcp_tool_calls_total') ?? {}
  expect(values.find(({ labels }) => labels.outcome === 'ok')?.value).toBe(1)
})

it('adds up limits and what is used of them, and shows the worst of what one process alone has', async () => {
  const { own, alive, value } = workersOf(2)
  const states = [...alive.values()]
  for (const [i, metrics] of states.entries()) {
    metrics.observeConcurrency(() => ({ running: i + 1, queued: i, limit: 128 }))
    metrics.observeSharedLimits(() => ({ away: i === 1, local: i, timeouts: 0, errors: 0 }))
    metrics.observeOverload(() => ({ shedding: i / 4 }))
    metrics.observeEventBus(() => ({
      connected: i === 0,
      published: 2 + i,
      received: 1,
      dropped: i,
      gaps: 0,
    }))
    metrics.observeCertificate('server', () => 1_900_000_000_000 + i * 1000)
    metrics.observeDependency({ policy: 'x', type: 'state', state: i === 1 ? 'open' : 'closed' })
    metrics.observePool('db', () => ({ size: 4, idle: 1 + i, waiting: 0, max: 5 }))
  }
  expect(await value('mcp_concurrency_limit')).toBe(256)
  expect(await value('mcp_concurrency_running')).toBe(3)
  expect(await value('mcp_limits_shared_up')).toBe(0)
  expect(await value('mcp_overload_shed_share')).toBe(0.25)
  expect(await value('mcp_events_bus_up')).toBe(0)
  expect(await value('mcp_events_published_total')).toBe(5)
  expect(await value('mcp_certificate_expiry_timestamp_seconds', { certificate: 'server' })).toBe(
    1_900_000_000,
  )
  expect(await value('mcp_dependency_breaker_open', { dependency: 'other' })).toBe(1)
  expect(await value('mcp_pool_connections', { pool: 'db', state: 'idle' })).toBe(3)
  expect(await value('mcp_pool_max_connections', { pool: 'db' })).toBe(10)

  // All three of them are this process.
  const one = async (name: string) =>
    (await own.snapshot()).find((metric) => metric.name === name)?.values[0]?.value ?? 0
  const start = await one('process_start_time_seconds')
  expect(await value('process_start_time_seconds')).toBe(start)
  expect(await value('process_resident_memory_bytes')).toBeGreaterThan(
    2 * (await one('process_resident_memory_bytes')),
  )
  expect(await value('nodejs_heap_size_used_bytes')).toBeLessThan(
    2 * (await one('nodejs_heap_size_used_bytes')),
  )
  expect(await value('mcp_heap_limit_bytes')).toBe(await one('mcp_heap_limit_bytes'))
  expect(await value('mcp_build_info', { name: 'shop', version: '', node: process.version })).toBe(
    1,
  )
})

it('takes metrics of yours by the aggregator that they name', async () => {
  const { alive, value } = workersOf(3)
  for (const [worker, { registry }] of alive) {
    for (const aggregator of ['sum', 'max', 'min', 'average', 'first', 'omit'] as const)
      new Gauge({ name: `my_${aggregator}`, help: 'Mine.', aggregator, registers: [registry] }).set(
        worker,
      )
  }
  const values = ['sum', 'max', 'min', 'average', 'first', 'omit'].map((name) =>
    value(`my_${name}`),
  )
  expect(await Promise.all(values)).toEqual([6, 3, 1, 2, 1, undefined])
})

it('answers a scrape in both formats, with the newest exemplar', async () => {
  const traceId = (digit: string) => digit.repeat(32)
  const one = (digit: string) =>
    createMetrics({
      tools: ['sum'],
      exemplarOf: () => ({ traceId: traceId(digit), spanId: digit.repeat(16) }),
    })
  const workers = [one('1'), one('2')]
  const own = createMetrics()
  const all = allWorkers(
    own,
    async () =>
      new Map(
        await Promise.all(
          workers.map(async (worker, i) => [i, structuredClone(await worker.snapshot())] as const),
        ),
      ),
  )
  for (const worker of workers) {
    worker.observeTool({ tool: 'sum', outcome: 'ok', durationMs: 3 })
    await new Promise((resolve) => setTimeout(resolve, 15))
  }
  const { origin } = await serve(all.handler)
  const scrape = async (accept: string) =>
    (await fetch(`${origin}/mcp`, { headers: { accept } })).text()
  const plain = await scrape('text/plain')
  expect(plain).toContain('mcp_tool_calls_total{tool="sum",outcome="ok"} 2')
  expect(plain).not.toContain('trace_id')
  const open = await scrape('application/openmetrics-text; version=1.0.0')
  expect(open).toContain(`# {trace_id="${traceId('2')}"`)
  expect(open).not.toContain(traceId('1'))
  expect(open.trimEnd().endsWith('# EOF')).toBe(true)
})

it('shows its own metrics and how many workers there are when none of them answers', async () => {
  const { own, silent, value } = workersOf(2)
  own.observeWorkers(() => ({ count: 2, ready: 1, restarts: 3 }))
  for (const worker of [1, 2]) silent.add(worker)
  expect(await value('mcp_workers')).toBe(2)
  expect(await value('mcp_workers_ready')).toBe(1)
  expect(await value('mcp_worker_restarts_total')).toBe(3)
})

it('refuses what cannot be read', () => {
  const read = undefined as unknown as () => Promise<Map<number, Snapshot>>
  expect(() => allWorkers(createMetrics(), read)).toThrow(
    expect.objectContaining({ code: 'ERR_METRICS_OPTION' }),
  )
})
