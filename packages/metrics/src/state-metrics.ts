import { Server } from 'node:net'
import type { Registry } from 'prom-client'
import { requireOption } from './options.js'
import { namedReads, once, readMetric } from './read-metric.js'
import type { Metrics } from './types.js'

/** Shows open subscriptions beside their limit. */
export function subscriptionMetrics(registry: Registry): Metrics['observeSubscriptions'] {
  return once('observeSubscriptions', (read) => {
    readMetric(registry, {
      kind: 'gauge',
      name: 'mcp_subscriptions_open',
      help: 'Subscription streams that are open.',
      read: () => [{ value: read().open }],
    })
    readMetric(registry, {
      kind: 'gauge',
      name: 'mcp_subscriptions_limit',
      help: 'Subscription streams that there may be.',
      read: () => [{ value: read().limit }],
    })
  })
}

/** Shows how long a shutdown goes on beside its deadline. */
export function drainMetrics(registry: Registry): Metrics['observeDrain'] {
  return once('observeDrain', (read) => {
    readMetric(registry, {
      kind: 'gauge',
      name: 'mcp_drain_seconds',
      help: 'Time since the shutdown began; 0 while there is none.',
      read: () => [{ value: read().drainingForMs / 1000 }],
    })
    readMetric(registry, {
      kind: 'gauge',
      name: 'mcp_drain_limit_seconds',
      help: 'Time after which the shutdown is forced.',
      read: () => [{ value: read().limitMs / 1000 }],
    })
  })
}

/** Shows when certificates expire. */
export function certificateMetrics(registry: Registry): Metrics['observeCertificate'] {
  const reads = namedReads<number | undefined>('certificate')
  readMetric(registry, {
    kind: 'gauge',
    name: 'mcp_certificate_expiry_timestamp_seconds',
    help: 'When a certificate expires, in seconds since 1970.',
    labelNames: ['certificate'],
    read: () => reads.samples('certificate', (expiresAtMs = Number.NaN) => expiresAtMs / 1000),
  })
  return reads.add
}

/** Shows what logs have lost. */
export function logMetrics(registry: Registry): Metrics['observeLog'] {
  const reads = namedReads<number>('log')
  readMetric(registry, {
    kind: 'counter',
    name: 'mcp_log_lines_dropped_total',
    help: 'Lines that a log has lost, as its reader took nothing or its disk was full.',
    labelNames: ['log'],
    read: () => reads.samples('log', (dropped) => dropped),
  })
  return reads.add
}

/** Shows what became of spans. */
export function spanMetrics(registry: Registry): Metrics['observeSpans'] {
  return once('observeSpans', (read) => {
    readMetric(registry, {
      kind: 'counter',
      name: 'mcp_spans_total',
      help: 'Spans by what became of them: exported, failed to be exported, dropped from a full queue.',
      labelNames: ['outcome'],
      read: () => {
        const { exported, failed, dropped } = read()
        return Object.entries({ exported, failed, dropped }).map(([outcome, value]) => ({
          labels: { outcome },
          value,
        }))
      },
    })
  })
}

/** Shows the open connections of a server beside their limit. */
export function connectionMetrics(registry: Registry): Metrics['observeConnections'] {
  const observe = once<[Server, number | undefined]>('observeConnections', (read) => {
    const [server, limit] = read()
    const openOf = () =>
      new Promise<number>((resolve, reject) =>
        server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      )
    readMetric(registry, {
      kind: 'gauge',
      name: 'mcp_connections_open',
      help: 'Connections of the public server that are open.',
      read: async () => [{ value: await openOf() }],
    })
    readMetric(registry, {
      kind: 'gauge',
      name: 'mcp_connections_limit',
      help: 'Connections that the public server may have.',
      read: () => [{ value: limit ?? server.maxConnections }],
    })
  })
  return function observeConnections(server, { limit } = {}) {
    requireOption(server instanceof Server, 'server', 'a server of node:http, https or net')
    requireOption(limit === undefined || limit > 0, 'limit', 'a number above 0')
    observe(() => [server, limit])
  }
}
