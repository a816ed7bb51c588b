import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { createMetrics, type DependencyEvent } from '../src/index.js'

function create(options = {}) {
  const metrics = createMetrics({ runtime: false, ...options })
  return {
    metrics,
    series: async (name: string) =>
      (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith(name)),
  }
}

describe('abandoned tool runs', () => {
  it('are counted for ever, and shown while they go on', async () => {
    const { metrics, series } = create({ tools: ['slow', 'quick'] })
    metrics.observeAbandoned({ tool: 'slow', ended: false })
    metrics.observeAbandoned({ tool: 'slow', ended: false })
    metrics.observeAbandoned({ tool: 'slow', ended: true })
    expect(await series('mcp_tool_abandoned')).toEqual([
      'mcp_tool_abandoned_total{tool="slow"} 2',
      'mcp_tool_abandoned_total{tool="quick"} 0',
      'mcp_tool_abandoned_running{tool="slow"} 1',
      'mcp_tool_abandoned_running{tool="quick"} 0',
    ])
  })

  it('of prompts and resources go by their labels', async () => {
    const { metrics, series } = create({ names: ['prompt:greet', 'resource:readme'] })
    metrics.observeAbandoned({ tool: 'resource:readme', ended: false })
    metrics.observeAbandoned({ tool: 'resource:file:///etc/passwd', ended: false })
    expect(await series('mcp_tool_abandoned_running')).toEqual([
      'mcp_tool_abandoned_running{tool="prompt:greet"} 0',
      'mcp_tool_abandoned_running{tool="resource:readme"} 1',
      'mcp_tool_abandoned_running{tool="other"} 1',
    ])
  })
})

describe('dependencies', () => {
  const tell = (events: DependencyEvent[], dependencies = ['db']) => {
    const created = create({ dependencies })
    for (const event of events) created.metrics.observeDependency(event)
    return created.series
  }
  const db = (type: string, fields = {}) => ({ policy: 'db', type, ...fields })
  const failure = (code: string) =>
    db('failure', { durationMs: 1, error: Object.assign(new Error('x'), { code }) })

  it('begin with 0 everywhere', async () => {
    const series = tell([])
    expect((await series('mcp_dependency')).filter((line) => !line.endsWith(' 0'))).toEqual([])
    expect(await series('mcp_dependency_calls_total')).toHaveLength(4)
  })

  it('are counted once a call, by how it ended for its caller, and timed unless rejected', async () => {
    const series = tell([
      db('success', { durationMs: 30 }),
      // Both attempts were rejected, and the call with them.
      db('rejected', { why: 'open' }),
      db('rejected', { why: 'open' }),
      failure('ERR_RESILIENCE_OPEN'),
      db('rejected', { why: 'full' }),
      failure('ERR_RESILIENCE_FULL'),
      db('failure', { durationMs: 700, error: new Error('refused') }),
      db('failure', { durationMs: Number.NaN, error: undefined }),
    ])
    expect(await series('mcp_dependency_calls_total')).toEqual([
      'mcp_dependency_calls_total{dependency="db",outcome="success"} 1',
      'mcp_dependency_calls_total{dependency="db",outcome="failure"} 2',
      'mcp_dependency_calls_total{dependency="db",outcome="rejected_open"} 1',
      'mcp_dependency_calls_total{dependency="db",outcome="rejected_full"} 1',
    ])
    const durations = await series('mcp_dependency_call_duration_seconds')
    expect(durations).toContain('mcp_dependency_call_duration_seconds_sum{dependency="db"} 0.73')
    expect(durations).toContain('mcp_dependency_call_duration_seconds_count{dependency="db"} 2')
  })

  it('count retries, retries that were not made, and timeouts', async () => {
    const series = tell([
      db('retry', { attempt: 2, delayMs: 5 }),
      db('retry', { attempt: 3, delayMs: 9 }),
      db('retry-refused', { why: 'budget' }),
      db('timeout', { scope: 'attempt' }),
      db('timeout', { scope: 'total' }),
      db('timeout', { scope: 'total' }),
    ])
    for (const line of [
      'mcp_dependency_retries_total{dependency="db"} 2',
      'mcp_dependency_retries_refused_total{dependency="db",why="budget"} 1',
      'mcp_dependency_retries_refused_total{dependency="db",why="deadline"} 0',
      'mcp_dependency_timeouts_total{dependency="db",scope="attempt"} 1',
      'mcp_dependency_timeouts_total{dependency="db",scope="total"} 2',
    ])
      expect(await series('mcp_dependency')).toContain(line)
  })

  it('show the worst breaker of a name, of which an HTTP client has one for each origin', async () => {
    const { metrics, series } = create({ dependencies: ['api'] })
    const turn = async (origin: string, state: string) => {
      metrics.observeDependency({ policy: 'api', type: 'state', origin, state })
      const [line] = await series('mcp_dependency_breaker_open')
      return line?.replace(/.* /, '')
    }
    expect(await turn('https://a', 'open')).toBe('1')
    expect(await turn('https://b', 'open')).toBe('1')
    expect(await turn('https://b', 'half-open')).toBe('1')
    expect(await turn('https://a', 'closed')).toBe('0.5')
    expect(await turn('https://b', 'closed')).toBe('0')
  })

  it('make no series of names, reasons and origins that are not in the lists', async () => {
    const { metrics, series } = create()
    for (let i = 0; i < 2000; i++) {
      const policy = `p${i}`
      metrics.observeDependency({ policy, type: 'success', durationMs: 1000 })
      metrics.observeDependency({ policy, type: 'retry-refused', why: `w${i}` })
      metrics.observeDependency({ policy, type: 'timeout', scope: `s${i}` })
      metrics.observeDependency({ policy, type: 'state', state: 'open', origin: `https://${i}` })
      metrics.observeDependency({ policy, type: `t${i}` })
    }
    metrics.observeDependency({ policy: '__proto__', type: 'constructor' })
    const lines = (await series('mcp_dependency')).filter((line) => !line.includes('_bucket'))
    expect(lines).toEqual([
      'mcp_dependency_calls_total{dependency="other",outcome="success"} 2000',
      'mcp_dependency_call_duration_seconds_sum{dependency="other"} 2000',
      'mcp_dependency_call_duration_seconds_count{dependency="other"} 2000',
      'mcp_dependency_retries_refused_total{dependency="other",why="other"} 2000',
      'mcp_dependency_timeouts_total{dependency="other",scope="other"} 2000',
      'mcp_dependency_breaker_open{dependency="other"} 1',
    ])
  })
})

it('counts how often and how long the event loop was blocked', async () => {
  const { metrics, series } = create()
  expect(await series('mcp_event_loop_blocked')).toHaveLength(2)
  for (const durationMs of [1500, 500, Number.NaN, -1]) metrics.observeEventLoopBlocked(durationMs)
  expect(await series('mcp_event_loop_blocked')).toEqual([
    'mcp_event_loop_blocked_total 4',
    'mcp_event_loop_blocked_seconds_total 2',
  ])
})

describe('pools', () => {
  it('are read once a scrape, as they are then', async () => {
    const { metrics, series } = create()
    let reads = 0
    metrics.observePool('db', () => ({ size: 5, idle: 2, waiting: reads++, max: 10 }))
    await series('mcp_pool')
    expect(await series('mcp_pool')).toEqual([
      'mcp_pool_connections{pool="db",state="idle"} 2',
      'mcp_pool_connections{pool="db",state="used"} 3',
      'mcp_pool_max_connections{pool="db"} 10',
      'mcp_pool_waiting{pool="db"} 1',
    ])
    expect(reads).toBe(2)
  })

  it('that cannot be read are missing, and fail neither the scrape nor each other', async () => {
    const { metrics, series } = create({ tools: ['t'] })
    let broken = false
    metrics.observePool('moody', () => {
      if (broken) throw new Error('password=hunter2')
      return { size: 1, idle: 1, waiting: 0, max: 1 }
    })
    metrics.observePool('odd', () => ({ size: Number.NaN, idle: 0, waiting: 0, max: 1 }))
    metrics.observePool('none', () => undefined as never)
    metrics.observePool('good', () => ({ size: 1, idle: 0, waiting: 3, max: 1 }))
    const waiting = 'mcp_pool_waiting{pool='
    expect(await series('mcp_pool_waiting')).toEqual([
      `${waiting}"moody"} 0`,
      `${waiting}"good"} 3`,
    ])
    broken = true
    expect(await series('mcp_pool_waiting')).toEqual([`${waiting}"good"} 3`])
    expect(await series('mcp_tool_abandoned_total')).toHaveLength(1)
  })

  it.each([
    ['name', ['', () => ({})]],
    ['name of pool "db"', ['db', () => ({})]],
    ['reads pool "x"', ['x', 'y']],
  ])('have names of their own and can be read (%s)', (what, [name, read]) => {
    const { metrics } = create()
    metrics.observePool('db', () => ({ size: 0, idle: 0, waiting: 0, max: 0 }))
    expect(() => metrics.observePool(name as string, read as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_METRICS_OPTION',
        message: expect.stringContaining(what),
      }),
    )
  })
})

it('reads well to Prometheus', async ({ skip }) => {
  const { metrics } = create({ tools: ['t'], dependencies: ['db'] })
  metrics.observePool('db', () => ({ size: 5, idle: 2, waiting: 0, max: 10 }))
  metrics.observeDependency({ policy: 'db', type: 'success', durationMs: 5 })
  const input = await metrics.registry.metrics()
  const promtool = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })
  if (promtool.error && process.env.REQUIRE_COMPONENTS !== '1') skip('promtool is not installed')
  expect(promtool.error).toBeUndefined()
  expect(promtool.stderr).toBe('')
  expect(promtool.status).toBe(0)
})

it('refuses dependencies that are no names', () => {
  expect(() => createMetrics({ dependencies: 'db' as never })).toThrow(
    expect.objectContaining({
      code: 'ERR_METRICS_OPTION',
      message: expect.stringContaining('dependencies'),
    }),
  )
})
