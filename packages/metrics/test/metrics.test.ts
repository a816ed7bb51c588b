import { spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import type { RequestHandler } from 'express'
import { register as globalRegistry } from 'prom-client'
import { describe, expect, it, vi } from 'vitest'
import { createMetrics } from '../src/index.js'
import { ok, request, serve } from './serve.js'

describe('requests', () => {
  it('counts and times by method and status', async () => {
    const { post, series, counted } = await serve(ok)
    await post(request('tools/list'))
    await post(request('tools/list'))
    await post(request('tools/call', { name: 'x' }))
    expect(await counted()).toEqual([
      'mcp_requests_total{method="tools/list",status="200"} 2',
      'mcp_requests_total{method="tools/call",status="200"} 1',
    ])
    const list = (await series('mcp_request_duration_seconds')).filter((line) =>
      line.includes('list'),
    )
    expect(list.map((line) => line.match(/le="([^"]+)"/)?.[1]).filter(Boolean)).toEqual([
      '0.005',
      '0.01',
      '0.025',
      '0.05',
      '0.1',
      '0.25',
      '0.5',
      '1',
      '+Inf',
    ])
    expect(list).toContain('mcp_request_duration_seconds_count{method="tools/list"} 2')
    const sum = list.find((line) => line.includes('_sum'))?.split(' ')[1]
    expect(Number(sum)).toBeLessThan(2)
  })

  it.each([
    ['a body refused before it was understood', '{"broken', '{method="none",status="400"} 1'],
    ['a body over the cap', JSON.stringify('x'.repeat(2000)), '{method="none",status="413"} 1'],
    ['a batch', [request('ping'), request('tools/list')], '{method="batch",status="200"} 1'],
    ['an invented method', request('x/"} evil 1\n'), '{method="other",status="200"} 1'],
    ['a response', { jsonrpc: '2.0', id: 1, result: {} }, '{method="other",status="200"} 1'],
    ['a configured method', request('vendor/do'), '{method="vendor/do",status="200"} 1'],
  ])('labels %s', async (_, body, expected) => {
    const { post, counted } = await serve(ok, { methods: ['vendor/do'] })
    await post(body)
    expect(await counted()).toEqual([`mcp_requests_total${expected}`])
  })

  it('counts a request whose client went away as 499, once, and lets go of it', async () => {
    let arrived = () => {}
    const reached = new Promise<void>((resolve) => {
      arrived = resolve
    })
    const { port, series, counted } = await serve(() => arrived())
    const body = JSON.stringify(request('tools/call'))
    const socket = connect(port, '127.0.0.1')
    const head = `POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`
    socket.write(`${head}\r\n\r\n${body}`)
    await reached
    expect(await series('mcp_requests_in_flight')).toEqual(['mcp_requests_in_flight 1'])
    socket.destroy()
    await vi.waitFor(async () =>
      expect(await series('mcp_requests_in_flight')).toEqual(['mcp_requests_in_flight 0']),
    )
    expect(await counted()).toEqual(['mcp_requests_total{method="tools/call",status="499"} 1'])
  })

  it('keeps subscription streams out of the latencies, but not calls that answer by a stream', async () => {
    const stream: RequestHandler = (_req, res) => {
      res.set('Content-Type', 'text/event-stream').end('data: {}\n\n')
    }
    const { origin, post, series, counted } = await serve(stream)
    await post(request('subscriptions/listen'))
    await (await fetch(`${origin}/mcp`)).text()
    expect(await series('mcp_request_duration_seconds_count')).toEqual([])
    await post(request('tools/call'))
    expect(await series('mcp_request_duration_seconds_count')).toHaveLength(1)
    expect(await counted()).toHaveLength(3)
  })

  it('makes no series of 10,000 invented methods and tools', async () => {
    const { metrics, post, series, counted } = await serve(ok, { tools: ['known'] })
    const batchSize = 50
    for (let i = 0; i < 200; i += batchSize) {
      await Promise.all(Array.from({ length: batchSize }, (_, j) => post(request(`m${i + j}`))))
    }
    for (let i = 0; i < 10_000; i++)
      metrics.observeTool({ tool: `t${i}`, outcome: `o${i}`, durationMs: 1 })
    expect(await counted()).toEqual(['mcp_requests_total{method="other",status="200"} 200'])
    const calls = await series('mcp_tool_calls_total')
    expect(calls).toContain('mcp_tool_calls_total{tool="other",outcome="error"} 10000')
    expect(calls).toHaveLength(1 + 9)
  })

  it('does not mistake names of Object.prototype for known ones', async () => {
    const { metrics, post, series, counted } = await serve(ok)
    await post(request('constructor'))
    metrics.observeTool({ tool: '__proto__', outcome: 'toString', durationMs: 1 })
    expect(await counted()).toEqual(['mcp_requests_total{method="other",status="200"} 1'])
    expect(await series('mcp_tool_calls_total')).toEqual([
      'mcp_tool_calls_total{tool="other",outcome="error"} 1',
    ])
  })
})

describe('tools', () => {
  it('counts by tool and outcome, and times in seconds', async () => {
    const { metrics, series } = await serve(ok, { tools: ['lookup'] })
    metrics.observeTool({ tool: 'lookup', outcome: 'ok', durationMs: 30 })
    metrics.observeTool({ tool: 'lookup', outcome: 'timeout', durationMs: 700 })
    metrics.observeTool({ tool: 'lookup', outcome: 'error', durationMs: Number.NaN })
    const calls = await series('mcp_tool_calls_total')
    for (const counted of ['ok"} 1', 'timeout"} 1', 'error"} 1', 'denied"} 0']) {
      expect(calls).toContain(`mcp_tool_calls_total{tool="lookup",outcome="${counted}`)
    }
    const durations = await series('mcp_tool_duration_seconds')
    expect(durations).toContain('mcp_tool_duration_seconds_bucket{le="0.05",tool="lookup"} 1')
    expect(durations).toContain('mcp_tool_duration_seconds_bucket{le="30",tool="lookup"} 2')
    expect(durations).toContain('mcp_tool_duration_seconds_sum{tool="lookup"} 0.73')
  })
})

it('counts what nobody caught, by kind, from 0', async () => {
  const { metrics, series } = await serve(ok)
  metrics.observeProcessError('unhandledRejection')
  expect(await series('mcp_process_errors_total')).toEqual([
    'mcp_process_errors_total{kind="unhandledRejection"} 1',
    'mcp_process_errors_total{kind="uncaughtException"} 0',
  ])
})

describe('createMetrics', () => {
  it('has its own registry: two do not mix, and the global one stays empty', async () => {
    const one = createMetrics({ tools: ['a'] })
    const two = createMetrics({ tools: ['a'] })
    one.observeTool({ tool: 'a', outcome: 'ok', durationMs: 1 })
    expect(await two.registry.getSingleMetricAsString('mcp_tool_calls_total')).not.toContain(
      'outcome="ok"} 1',
    )
    expect(await globalRegistry.metrics()).toBe('\n')
  })

  it('measures Node, names the server, and reads well to Prometheus', async ({ skip }) => {
    const { metrics, origin, post } = await serve(ok, {
      runtime: true,
      name: 'shop "1"\n',
      version: '1.2.3',
      tools: ['lookup'],
    })
    await post(request('tools/call'))
    metrics.observeTool({ tool: 'lookup', outcome: 'ok', durationMs: 3 })
    const response = await fetch(`${origin}/metrics`)
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4')
    expect(response.headers.get('cache-control')).toBe('no-store')
    const text = await response.text()
    expect(text).toContain('nodejs_eventloop_lag_seconds')
    expect(text).toContain(
      `mcp_build_info{name="shop \\"1\\"\\n",version="1.2.3",node="${process.version}"} 1`,
    )
    const promtool = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
    if (promtool.error && process.env.REQUIRE_COMPONENTS !== '1') skip('promtool is not installed')
    expect(promtool.error).toBeUndefined()
    const complaints = promtool.stderr.split('\n').filter((line) => /^mcp_|^error/.test(line))
    expect(complaints).toEqual([])
  })

  it.each([
    ['tools', () => createMetrics({ tools: [1 as never] })],
    ['names', () => createMetrics({ names: 'prompt:greet' as never })],
    ['names', () => createMetrics({ names: [''] })],
    ['methods', () => createMetrics({ methods: 'ping' as never })],
    ['buckets', () => createMetrics({ buckets: [0.1, 0.1] })],
    ['buckets', () => createMetrics({ buckets: [] })],
    ['buckets', () => createMetrics({ buckets: [0, 1] })],
    ['toolBuckets', () => createMetrics({ toolBuckets: [2, 1] })],
  ])('refuses wrong %s at creation, by name', (option, create) => {
    expect(create).toThrow(
      expect.objectContaining({
        code: 'ERR_METRICS_OPTION',
        message: expect.stringContaining(option),
      }),
    )
  })
})

describe('who reads the registry itself', () => {
  const shop = () => createMetrics({ name: 'shop', version: '1', tools: ['lookup'] })
  const called = { tool: 'lookup', outcome: 'ok', durationMs: 1 }

  it('may add labels to what it is given, and the next scrape is right', async () => {
    const { registry, observeTool } = shop()
    observeTool(called)
    const { values } = (await registry.getSingleMetric('mcp_tool_calls_total')?.get()) ?? {}
    for (const { labels } of values ?? []) Object.assign(labels, { instance: 'a' })
    observeTool(called)
    expect(await registry.getSingleMetricAsString('mcp_tool_calls_total')).toMatch(
      /tool="lookup",outcome="ok"[^}]*} 2\n/,
    )
  })

  it('finds after a reset what was counted since', async () => {
    const { registry, observeTool } = shop()
    for (let i = 0; i < 3; i++) observeTool(called)
    registry.resetMetrics()
    observeTool(called)
    const text = await registry.metrics()
    expect(text).toContain('\nmcp_tool_calls_total{tool="lookup",outcome="ok"} 1\n')
    expect(text).toContain('\nmcp_tool_duration_seconds_count{tool="lookup"} 1\n')
  })
})
