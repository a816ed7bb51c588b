import type { Registry } from 'prom-client'
import { once, readMetric } from './read-metric.js'
import type { Metrics } from './types.js'

/** A limit of calls that run at once, at this moment. */
export interface ConcurrencyState {
  running: number
  /** Calls that wait for one of these to end. */
  queued: number
  /** Calls that may run. */
  limit: number
}

/** A shedder of load, at this moment. */
export interface OverloadState {
  /** Part of the calls that it refused lately, 0 to 1. */
  shedding: number
}

/** Limits that replicas share through a store. */
export interface SharedLimitsState {
  /** Whether the store is taken for gone. */
  away: boolean
  /** Decisions so far that this process made by limits of its own. */
  local: number
  /** Times so far that the store did not answer in time. */
  timeouts: number
  /** Times so far that it failed otherwise. */
  errors: number
}

/** Shows calls that run and that wait beside their limit. */
export function concurrencyMetrics(registry: Registry): Metrics['observeConcurrency'] {
  return once('observeConcurrency', (read) => {
    readMetric(registry, {
      kind: 'gauge',
      name: 'mcp_concurrency_running',
      help: 'Calls that have a slot.',
      read: () => [{ value: read().running }],
    })
    readMetric(registry, {
      kind: 'gauge',
      name: 'mcp_concurrency_queued',
      help: 'Calls that wait for a slot.',
      read: () => [{ value: read().queued }],
    })
    readMetric(registry, {
      kind: 'gauge',
      name: 'mcp_concurrency_limit',
      help: 'Slots that there are.',
      read: () => [{ value: read().limit }],
    })
  })
}

/** Shows how much load is shed; what it is shed for, Node's own metrics show. */
export function overloadMetrics(registry: Registry): Metrics['observeOverload'] {
  return once('observeOverload', (read) => {
    readMetric(registry, {
      kind: 'gauge',
      name: 'mcp_overload_shed_share',
      help: 'Part of the calls that were refused lately because the process is overloaded, 0 to 1.',
      read: () => [{ value: read().shedding }],
    })
  })
}

/** Shows whether shared limits are shared. */
export function sharedLimitMetrics(registry: Registry): Metrics['observeSharedLimits'] {
  return once('observeSharedLimits', (read) => {
    readMetric(registry, {
      kind: 'gauge',
      name: 'mcp_limits_shared_up',
      help: 'Whether the store of shared limits answers: 1, or 0 while each replica limits by itself.',
      read: () => [{ value: upOf(read().away) }],
    })
    readMetric(registry, {
      kind: 'counter',
      name: 'mcp_limits_local_decisions_total',
      help: 'Decisions about limits that were made without the store that replicas share.',
      read: () => [{ value: read().local }],
    })
    readMetric(registry, {
      kind: 'counter',
      name: 'mcp_limits_store_failures_total',
      help: 'Times that the store of shared limits failed: no answer in time, or an error.',
      labelNames: ['reason'],
      read() {
        const { timeouts, errors } = read()
        return [
          { labels: { reason: 'timeout' }, value: timeouts },
          { labels: { reason: 'error' }, value: errors },
        ]
      },
    })
  })
}

/** Nothing where nobody says, rather than a store that seems to be well. */
function upOf(away: unknown): number | undefined {
  return typeof away === 'boolean' ? Number(!away) : undefined
}
