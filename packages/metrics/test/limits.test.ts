/** What limits know of themselves, read at each scrape. */
import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { createMetrics, type Metrics } from '../src/index.js'

const NAMES = /^(mcp_concurrency|mcp_overload|mcp_limits)/

function create() {
  const metrics = createMetrics({ runtime: false })
  const series = async () =>
    (await metrics.registry.metrics()).split('\n').filter((line) => NAMES.test(line))
  return { metrics, series }
}

it('has no series, nor a type, before it is wired', async () => {
  const { metrics, series } = create()
  expect(await series()).toEqual([])
  expect(await metrics.registry.metrics()).not.toMatch(/mcp_(concurrency|overload|limits)/)
  metrics.observeOverload(() => ({ shedding: 0 }))
  expect(await series()).toEqual(['mcp_overload_shed_share 0'])
})

it('is shown as it is at the scrape', async () => {
  const { metrics, series } = create()
  const concurrency = { running: 3, queued: 1, limit: 64, tracked: 9 }
  const overload = { shedding: 0.25, eventLoopDelayMs: 300, heapShare: 0.5, rssShare: 0 }
  const shared = { away: false, local: 0, timeouts: 0, errors: 0 }
  metrics.observeConcurrency(() => concurrency)
  metrics.observeOverload(() => overload)
  metrics.observeSharedLimits(() => shared)
  expect(await series()).toEqual([
    'mcp_concurrency_running 3',
    'mcp_concurrency_queued 1',
    'mcp_concurrency_limit 64',
    'mcp_overload_shed_share 0.25',
    'mcp_limits_shared_up 1',
    'mcp_limits_local_decisions_total 0',
    'mcp_limits_store_failures_total{reason="timeout"} 0',
    'mcp_limits_store_failures_total{reason="error"} 0',
  ])
  Object.assign(concurrency, { running: 0, queued: 0 })
  Object.assign(overload, { shedding: 1 })
  Object.assign(shared, { away: true, local: 12, timeouts: 3, errors: 4 })
  expect(await series()).toEqual([
    'mcp_concurrency_running 0',
    'mcp_concurrency_queued 0',
    'mcp_concurrency_limit 64',
    'mcp_overload_shed_share 1',
    'mcp_limits_shared_up 0',
    'mcp_limits_local_decisions_total 12',
    'mcp_limits_store_failures_total{reason="timeout"} 3',
    'mcp_limits_store_failures_total{reason="error"} 4',
  ])
})

it('is missing while it throws or is no number, and hides nothing else', async () => {
  const { metrics, series } = create()
  metrics.observeConcurrency(() => ({ running: Number.NaN, queued: 2, limit: '3' }) as never)
  metrics.observeOverload(() => {
    throw new Error('password=hunter2')
  })
  metrics.observeSharedLimits(() => ({ local: -1, timeouts: 1, errors: undefined }) as never)
  expect(await series()).toEqual([
    'mcp_concurrency_queued 2',
    'mcp_limits_store_failures_total{reason="timeout"} 1',
  ])
  const text = await metrics.registry.metrics()
  expect(text).toContain('mcp_requests_in_flight 0')
  expect(text).not.toContain('hunter2')
})

it.each(['observeConcurrency', 'observeOverload', 'observeSharedLimits'] as const)(
  'is refused when it is wired wrongly: %s',
  (observe) => {
    const { metrics } = create()
    const wire = (read: unknown) => (metrics[observe] as Metrics['observeOverload'])(read as never)
    const refused = (what: string) =>
      expect.objectContaining({
        code: 'ERR_METRICS_OPTION',
        message: expect.stringContaining(what),
      })
    expect(() => wire({ shedding: 0 })).toThrow(refused(`what ${observe} reads must be a function`))
    wire(() => ({}))
    expect(() => wire(() => ({}))).toThrow(refused(`${observe} must be called once`))
  },
)

it('reads well to Prometheus', async ({ skip }) => {
  const { metrics } = create()
  metrics.observeConcurrency(() => ({ running: 3, queued: 1, limit: 64 }))
  metrics.observeOverload(() => ({ shedding: 0.5 }))
  metrics.observeSharedLimits(() => ({ away: true, local: 1, timeouts: 2, errors: 3 }))
  const input = await metrics.registry.metrics()
  const promtool = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })
  if (promtool.error && process.env.REQUIRE_COMPONENTS !== '1') skip('promtool is not installed')
  expect(promtool.error).toBeUndefined()
  expect(promtool.stderr).toBe('')
  expect(promtool.status).toBe(0)
})
