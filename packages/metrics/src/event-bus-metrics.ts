import type { Registry } from 'prom-client'
import { inOneTurn, once, readMetric } from './read-metric.js'
import type { Metrics } from './types.js'

/** A bus that tells replicas of each other's events, at this moment; what is counted since the start. */
export interface EventBusState {
  /** Whether others are heard. */
  connected: boolean
  /** Events that this process told of. */
  published: number
  /** Events of others that it heard. */
  received: number
  /** Events of its own that it could not tell of. */
  dropped: number
  /** Times that it missed events of others, however many: clients were told to look again. */
  gaps: number
}

const COUNTS = {
  published: ['mcp_events_published_total', 'Events that this server told other replicas of.'],
  received: ['mcp_events_received_total', 'Events of other replicas that this server heard.'],
  dropped: ['mcp_events_dropped_total', 'Events that other replicas could not be told of.'],
  gaps: ['mcp_events_gaps_total', 'Times that events of other replicas were missed.'],
} as const

/** Shows whether replicas hear each other's events. */
export function eventBusMetrics(registry: Registry): Metrics['observeEventBus'] {
  return once('observeEventBus', (readState) => {
    const read = inOneTurn(readState)
    readMetric(registry, {
      kind: 'gauge',
      name: 'mcp_events_bus_up',
      help: 'Whether events of other replicas are heard: 1, or 0 while they are not.',
      read: () => [{ value: upOf(read().connected) }],
    })
    for (const count of Object.keys(COUNTS) as (keyof typeof COUNTS)[]) {
      const [name, help] = COUNTS[count]
      readMetric(registry, { kind: 'counter', name, help, read: () => [{ value: read()[count] }] })
    }
  })
}

/** Nothing where nobody says, rather than a bus that seems to be broken. */
function upOf(connected: unknown): number | undefined {
  return typeof connected === 'boolean' ? Number(connected) : undefined
}
