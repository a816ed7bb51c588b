/** What sessions and a shared bus know of themselves, read at each scrape. */
import { spawnSync } from 'node:child_process'
import { memoryEventStore, sessionHandler } from '@mcp-prod/sessions'
import { createToolServer } from '@mcp-prod/tools'
import { expect, it, vi } from 'vitest'
import { createMetrics, type SessionsState } from '../src/index.js'
import { serve } from './serve.js'

const closedBy = { deleted: 1, idle: 2, age: 0, evicted: 0, ended: 0, failed: 0, shutdown: 0 }
const state: SessionsState = {
  ...{ sessions: 3, streams: 2, detached: 1, bytes: 4096, lost: 5, created: 6 },
  closedBy,
}
const bus = { connected: true, published: 7, received: 8, dropped: 1, gaps: 2 }

function create() {
  const metrics = createMetrics({ runtime: false })
  const series = async () =>
    (await metrics.registry.metrics())
      .split('\n')
      .filter((line) => /^mcp_(session|events)/.test(line))
  return { metrics, series }
}

it('has no series before it is wired', async () => {
  const { metrics, series } = create()
  expect(await series()).toEqual([])
  expect(await metrics.registry.metrics()).not.toMatch(/mcp_(session|events)/)
})

it('is shown as it is at the scrape, read once for all of it', async () => {
  const { metrics, series } = create()
  const read = vi.fn(() => state)
  metrics.observeSessions(read, { limit: 100 })
  metrics.observeEventBus(() => bus)
  expect(await series()).toEqual([
    'mcp_sessions_open 3',
    'mcp_session_streams_open 2',
    'mcp_session_calls_detached 1',
    'mcp_session_event_bytes 4096',
    'mcp_sessions_created_total 6',
    'mcp_sessions_closed_total{reason="deleted"} 1',
    'mcp_sessions_closed_total{reason="idle"} 2',
    ...['age', 'evicted', 'ended', 'failed', 'shutdown'].map(
      (reason) => `mcp_sessions_closed_total{reason="${reason}"} 0`,
    ),
    'mcp_session_events_lost_total 5',
    'mcp_sessions_limit 100',
    'mcp_events_bus_up 1',
    'mcp_events_published_total 7',
    'mcp_events_received_total 8',
    'mcp_events_dropped_total 1',
    'mcp_events_gaps_total 2',
  ])
  expect(read).toHaveBeenCalledTimes(1)
  await metrics.snapshot()
  expect(read).toHaveBeenCalledTimes(2)
})

it('has as many reasons as there are, whatever is given as one', async () => {
  const { metrics, series } = create()
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`r${i}"} 1\n`, 1]))
  metrics.observeSessions(() => ({ ...state, closedBy: { ...many, idle: 2 } }))
  const closed = (await series()).filter((line) => line.startsWith('mcp_sessions_closed'))
  expect(closed.sort()).toEqual([
    'mcp_sessions_closed_total{reason="idle"} 2',
    'mcp_sessions_closed_total{reason="other"} 1000',
  ])
})

it('is missing while it throws or is no number, and hides nothing else', async () => {
  const { metrics, series } = create()
  metrics.observeSessions(() => ({ sessions: Number.NaN, streams: 2, created: -1 }) as never)
  metrics.observeEventBus(() => {
    throw new Error('password=hunter2')
  })
  expect(await series()).toEqual(['mcp_session_streams_open 2'])
  const text = await metrics.registry.metrics()
  expect(text).toContain('mcp_requests_in_flight 0')
  expect(text).not.toContain('hunter2')
})

it('does not take a bus that says nothing for a broken one', async () => {
  const { metrics, series } = create()
  metrics.observeEventBus(() => ({ published: 1 }) as never)
  expect(await series()).toEqual(['mcp_events_published_total 1'])
})

it('is refused when it is wired wrongly', () => {
  const { metrics } = create()
  const refused = (what: string) =>
    expect.objectContaining({ code: 'ERR_METRICS_OPTION', message: expect.stringContaining(what) })
  for (const limit of [0, -1, Number.NaN])
    expect(() => metrics.observeSessions(() => state, { limit })).toThrow(refused('limit'))
  expect(() => metrics.observeSessions(state as never)).toThrow(
    refused('what observeSessions reads must be a function'),
  )
  metrics.observeSessions(() => state)
  expect(() => metrics.observeSessions(() => state)).toThrow(
    refused('observeSessions must be called once'),
  )
  expect(() => metrics.observeEventBus(bus as never)).toThrow(
    refused('what observeEventBus reads must be a function'),
  )
})

it('is what sessions that are there tell, and reads well to Prometheus', async ({ skip }) => {
  const { metrics, series } = create()
  const sessions = sessionHandler(createToolServer([], { name: 'shop', version: '1.0.0' }), {
    dangerouslyAllowAnonymous: true,
    eventStore: memoryEventStore(),
  })
  metrics.observeSessions(sessions.state, { limit: 10_000 })
  metrics.observeEventBus(() => bus)
  const { origin } = await serve(sessions.middleware)
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  }
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '1.0.0' },
  }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params })
  const begin = async () => {
    const response = await fetch(`${origin}/mcp`, { method: 'POST', headers, body })
    expect(response.status).toBe(200)
    await response.text()
    return response.headers.get('mcp-session-id') ?? ''
  }
  const [first] = [await begin(), await begin()]
  await fetch(`${origin}/mcp`, { method: 'DELETE', headers: { 'mcp-session-id': first } })
  const shown = await series()
  expect(shown).toContain('mcp_sessions_open 1')
  expect(shown).toContain('mcp_sessions_created_total 2')
  expect(shown).toContain('mcp_sessions_closed_total{reason="deleted"} 1')
  expect(shown).toContain('mcp_session_event_bytes 0')
  await sessions.close()
  expect(await series()).toContain('mcp_sessions_closed_total{reason="shutdown"} 1')

  const input = await metrics.registry.metrics()
  const promtool = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })
  if (promtool.error && process.env.REQUIRE_COMPONENTS !== '1') skip('promtool is not installed')
  expect(promtool.error).toBeUndefined()
  expect(promtool.stderr).toBe('')
})
