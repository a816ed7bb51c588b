import type { Registry } from 'prom-client'
import { once, readMetric } from './read-metric.js'
import type { Metrics } from './types.js'

/** Processes that serve together. */
export interface WorkersState {
  /** How many there should be. */
  count: number
  /** How many can serve. */
  ready: number
  /** How many were started so far in the place of one that died. */
  restarts: number
}

/** Shows processes that serve together. */
export function workerCountMetrics(registry: Registry): Metrics['observeWorkers'] {
  return once('observeWorkers', (read) => {
    readMetric(registry, {
      kind: 'gauge',
      name: 'mcp_workers',
      help: 'Worker processes that there should be.',
      read: () => [{ value: read().count }],
    })
    readMetric(registry, {
      kind: 'gauge',
      name: 'mcp_workers_ready',
      help: 'Worker processes that are ready to serve.',
      read: () => [{ value: read().ready }],
    })
    readMetric(registry, {
      kind: 'counter',
      name: 'mcp_worker_restarts_total',
      help: 'Worker processes that were started in the place of one that died.',
      read: () => [{ value: read().restarts }],
    })
  })
}
