import type { MetricSnapshot, SeriesSnapshot, Snapshot } from './snapshot.js'

type Combine = (values: readonly number[]) => number

const sum: Combine = (values) => values.reduce((total, value) => total + value, 0)
const combines: Record<string, Combine> = {
  sum,
  first: ([value = Number.NaN]) => value,
  min: (values) => Math.min(...values),
  max: (values) => Math.max(...values),
  average: (values) => sum(values) / values.length,
}

/**
 * Of these one process at its limit counts, however well the others are: the worst is shown. Their limit is the smallest.
 * Counters, histograms and all other gauges are sums, unless a metric of yours says otherwise by its `aggregator`.
 */
const WORST: Record<string, 'max' | 'min'> = {
  process_open_fds: 'max',
  process_max_fds: 'min',
  process_start_time_seconds: 'min',
  nodejs_heap_size_total_bytes: 'max',
  nodejs_heap_size_used_bytes: 'max',
  nodejs_heap_space_size_total_bytes: 'max',
  nodejs_heap_space_size_used_bytes: 'max',
  nodejs_heap_space_size_available_bytes: 'min',
  nodejs_version_info: 'max',
  mcp_build_info: 'max',
  mcp_heap_limit_bytes: 'min',
  mcp_memory_limit_bytes: 'max',
  mcp_ready: 'min',
  mcp_health_check_up: 'min',
  mcp_health_check_duration_seconds: 'max',
  mcp_drain_seconds: 'max',
  mcp_drain_limit_seconds: 'max',
  mcp_overload_shed_share: 'max',
  mcp_limits_shared_up: 'min',
  mcp_events_bus_up: 'min',
  mcp_dependency_breaker_open: 'max',
  mcp_certificate_expiry_timestamp_seconds: 'min',
}

/** Whether its values only grow, so that they must outlive the process that counted them. */
export function isCounted({ type }: MetricSnapshot): boolean {
  return type === 'counter' || type === 'histogram'
}

/** Several processes' metrics as those of one. */
export function merge(snapshots: readonly Snapshot[]): Snapshot {
  const byName = new Map<string, MetricSnapshot[]>()
  for (const metric of snapshots.flat()) {
    const known = byName.get(metric.name)
    if (known) known.push(metric)
    else byName.set(metric.name, [metric])
  }
  return [...byName.values()].flatMap((metrics) => merged(metrics) ?? [])
}

function merged(metrics: readonly MetricSnapshot[]): MetricSnapshot | undefined {
  const [first] = metrics
  if (!first) return undefined
  const combine = combineOf(first)
  if (!combine) return undefined
  const byLabels = new Map<string, SeriesSnapshot[]>()
  for (const series of metrics.flatMap(({ values }) => values)) {
    if (Number.isNaN(series.value)) continue
    const key = keyOf(series)
    const known = byLabels.get(key)
    if (known) known.push(series)
    else byLabels.set(key, [series])
  }
  return { ...first, values: [...byLabels.values()].map((found) => seriesOf(found, combine)) }
}

function combineOf(metric: MetricSnapshot): Combine | undefined {
  if (isCounted(metric)) return sum
  if (/^nodejs_eventloop_lag_(?!min_)/.test(metric.name)) return combines.max
  return combines[WORST[metric.name] ?? metric.aggregator]
}

function keyOf({ metricName = '', labels }: SeriesSnapshot): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([metricName, ...sorted.map(([name, value]) => [name, String(value)])])
}

function seriesOf(found: readonly SeriesSnapshot[], combine: Combine): SeriesSnapshot {
  const [first] = found as [SeriesSnapshot]
  // What none can say of all: quantiles of a summary of yours.
  const all = first.labels.quantile === undefined ? combine : combines.max
  const value = (all ?? combine)(found.map(({ value }) => value))
  return { ...first, value, exemplar: newestOf(found) }
}

function newestOf(found: readonly SeriesSnapshot[]): SeriesSnapshot['exemplar'] {
  const exemplars = found.flatMap(({ exemplar }) => exemplar ?? [])
  return exemplars.sort((a, b) => b.timestamp - a.timestamp)[0] ?? null
}
