import type { DetachedCalls } from './detached.js'
import type { Recorder } from './recorder.js'
import type { Registry } from './registry.js'
import type { CloseReason } from './session.js'

/** What is there at a moment: for gauges and counters. */
export interface SessionsState {
  sessions: number
  /** Callers who have one. */
  principals: number
  /** Streams of GETs that are open. */
  streams: number
  /** Calls that run. */
  calls: number
  /** Those of them that have lost the connection they came on. */
  detached: number
  /** Kept for clients that lost their connection, and the bytes they take. */
  events: number
  bytes: number
  /** Events that could not be stored, since the start. */
  lost: number
  /** Sessions since the start, and of those that ended, why. */
  created: number
  closedBy: Readonly<Record<CloseReason, number>>
}

export function stateOf(
  registry: Registry,
  recording: Recorder | undefined,
  detached: DetachedCalls,
): SessionsState {
  let streams = 0
  let calls = 0
  for (const { transport } of registry.all()) {
    calls += transport.calls
    if (transport.channels.standalone.output) streams++
  }
  const kept = recording?.state() ?? { events: 0, bytes: 0, lost: 0 }
  const { closedBy, size } = registry
  return { ...size, streams, calls, detached: detached.running, ...kept, closedBy: { ...closedBy } }
}
