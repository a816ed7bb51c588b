import type { Readable } from './scrape.js'

/** One series of a metric. */
export interface SeriesSnapshot {
  value: number
  labels: Record<string, string | number>
  /** Of a histogram: which of its series this is. */
  metricName?: string
  exemplar?: { timestamp: number } | null
}

/** One metric at a moment: plain data, which can be sent to another process as a structured clone. */
export interface MetricSnapshot {
  name: string
  help: string
  type: string
  /** How several processes' values become one, in prom-client's words. */
  aggregator: string
  values: SeriesSnapshot[]
}

export type Snapshot = MetricSnapshot[]

/** What was read of a registry, as data. */
export async function snapshotOf(metrics: readonly Readable[]): Promise<Snapshot> {
  const read = await Promise.all(metrics.map((metric) => metric.get()))
  return (read as MetricSnapshot[]).map(({ name, help, type, aggregator, values }) => ({
    ...{ name, help, type, aggregator },
    // Copies: exemplars are objects of a class, and their labels are still in use.
    values: values.map((series) => ({ ...series, labels: { ...series.labels } })),
  }))
}
