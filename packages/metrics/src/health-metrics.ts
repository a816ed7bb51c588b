import type { Registry } from 'prom-client'
import { once, readMetric, type Sample } from './read-metric.js'
import type { Metrics } from './types.js'

/** Readiness, and the reports of `dependencyChecks` of `@mcp-prod/health`. */
export interface HealthState {
  ready: boolean
  checks: Record<string, { status: string; critical: boolean; durationMs: number }>
}

type Measure = (check: HealthState['checks'][string]) => number

/** Different checks that become labels in the life of the process; of all others `other` is the worst. */
const MAX_CHECKS = 100

/** Shows readiness and its checks. They run for it: the checks themselves are bounded in time and cached. */
export function healthMetrics(registry: Registry): Metrics['observeHealth'] {
  return once('observeHealth', (read) => {
    const readOnce = shared(read)
    const nameOf = cappedNames()
    const labelNames = ['check', 'critical']
    const ofChecks = async (worst: (...values: number[]) => number, measure: Measure) => {
      const samples = new Map<string, Sample>()
      for (const [name, check] of Object.entries((await readOnce()).checks)) {
        const labels = { check: nameOf(name), critical: check.critical ? 'true' : 'false' }
        const key = `${labels.critical} ${labels.check}`
        const value = measure(check)
        samples.set(key, { labels, value: worst(value, samples.get(key)?.value ?? value) })
      }
      return [...samples.values()]
    }
    readMetric(registry, {
      kind: 'gauge',
      name: 'mcp_ready',
      help: '1 while the server says that it may be sent traffic, else 0.',
      read: async () => [{ value: (await readOnce()).ready ? 1 : 0 }],
    })
    readMetric(registry, {
      kind: 'gauge',
      name: 'mcp_health_check_up',
      help: '1 while a check is up, else 0.',
      labelNames,
      read: () => ofChecks(Math.min, ({ status }) => (status === 'up' ? 1 : 0)),
    })
    readMetric(registry, {
      kind: 'gauge',
      name: 'mcp_health_check_duration_seconds',
      help: 'Time that the last run of a check took.',
      labelNames,
      read: () => ofChecks(Math.max, ({ durationMs }) => durationMs / 1000),
    })
  })
}

/** One read for all three, and for scrapes that come meanwhile; one that hangs is not started again. */
function shared<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined
  return () => {
    running ??= Promise.resolve()
      .then(read)
      .finally(() => {
        running = undefined
      })
    return running
  }
}

function cappedNames(): (name: string) => string {
  const known = new Set<string>()
  return (name) => {
    if (known.size < MAX_CHECKS) known.add(name)
    return known.has(name) ? name : 'other'
  }
}
