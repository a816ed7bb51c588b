import type { Registry } from 'prom-client'
import { nameLabels } from './labels.js'
import { requireOption } from './options.js'
import { inOneTurn, once, readMetric } from './read-metric.js'
import type { Metrics } from './types.js'

/** What is used of the `state` of `@mcp-prod/sessions`. */
export interface SessionsState {
  sessions: number
  /** Streams of GETs that are open. */
  streams: number
  /** Calls that have lost the connection they came on. */
  detached: number
  /** What is kept for clients that lost their connection, in bytes. */
  bytes: number
  /** Events that could not be kept, since the start. */
  lost: number
  /** Sessions since the start, and why those that ended did. */
  created: number
  closedBy: Readonly<Record<string, number>>
}

const REASONS = ['deleted', 'idle', 'age', 'evicted', 'ended', 'failed', 'shutdown']

/** Shows sessions beside their limit, and what they hold. */
export function sessionMetrics(registry: Registry): Metrics['observeSessions'] {
  const observe = once<[() => SessionsState, number | undefined]>('observeSessions', (given) => {
    const [readState, limit] = given()
    const read = inOneTurn(readState)
    gauges(registry, read)
    counters(registry, read)
    if (limit === undefined) return
    readMetric(registry, {
      kind: 'gauge',
      name: 'mcp_sessions_limit',
      help: 'Sessions that there may be.',
      read: () => [{ value: limit }],
    })
  })
  return function observeSessions(read, { limit } = {}) {
    requireOption(typeof read === 'function', 'what observeSessions reads', 'a function')
    requireOption(limit === undefined || limit > 0, 'limit', 'a number above 0')
    observe(() => [read, limit])
  }
}

function gauges(registry: Registry, read: () => SessionsState): void {
  readMetric(registry, {
    kind: 'gauge',
    name: 'mcp_sessions_open',
    help: 'Sessions that there are.',
    read: () => [{ value: read().sessions }],
  })
  readMetric(registry, {
    kind: 'gauge',
    name: 'mcp_session_streams_open',
    help: 'Sessions whose client listens by a stream of its own.',
    read: () => [{ value: read().streams }],
  })
  readMetric(registry, {
    kind: 'gauge',
    name: 'mcp_session_calls_detached',
    help: 'Calls that go on although the connection they came on is gone.',
    read: () => [{ value: read().detached }],
  })
  readMetric(registry, {
    kind: 'gauge',
    name: 'mcp_session_event_bytes',
    help: 'Bytes that are kept for clients that lost their connection.',
    read: () => [{ value: read().bytes }],
  })
}

function counters(registry: Registry, read: () => SessionsState): void {
  const reasonOf = nameLabels(REASONS)
  readMetric(registry, {
    kind: 'counter',
    name: 'mcp_sessions_created_total',
    help: 'Sessions that were begun.',
    read: () => [{ value: read().created }],
  })
  readMetric(registry, {
    kind: 'counter',
    name: 'mcp_sessions_closed_total',
    help: 'Sessions that ended, by why.',
    labelNames: ['reason'],
    read: () =>
      Object.entries(read().closedBy).map(([reason, value]) => ({
        labels: { reason: reasonOf(reason) },
        value,
      })),
  })
  readMetric(registry, {
    kind: 'counter',
    name: 'mcp_session_events_lost_total',
    help: 'Events that could not be kept: a client that lost its connection does not get them.',
    read: () => [{ value: read().lost }],
  })
}
