import type { Registry } from 'prom-client'
import {
  Counter,
  type CounterConfiguration,
  Histogram,
  type HistogramConfiguration,
} from 'prom-client'

/** A trace of W3C trace context: 32 and 16 lower-case hexadecimal digits, not all 0. */
export interface Exemplar {
  traceId: string
  spanId: string
}

/** `trace_id` and `span_id`. */
export type ExemplarLabels = Record<string, string> | undefined

const TRACE_ID = /^(?!0+$)[0-9a-f]{32}$/
const SPAN_ID = /^(?!0+$)[0-9a-f]{16}$/

/**
 * The labels of an exemplar, none for ids that are none: prom-client throws at long ones, after it has noted half of
 * the exemplar.
 */
export function exemplarLabels(
  exemplarOf: (() => Exemplar | undefined) | undefined,
): () => ExemplarLabels {
  if (!exemplarOf) return () => undefined
  return () => {
    try {
      const { traceId, spanId } = exemplarOf() ?? { traceId: '', spanId: '' }
      if (!TRACE_ID.test(traceId) || !SPAN_ID.test(spanId)) return undefined
      return { trace_id: traceId, span_id: spanId }
    } catch {
      // An exemplar is an extra, and a metric must never fail a request.
      return undefined
    }
  }
}

/** A counter that takes exemplars. prom-client makes none in a registry of the text format, but takes it there. */
export function exemplarCounter<T extends string>(
  registry: Registry,
  config: CounterConfiguration<T>,
): Counter<T> {
  const counter = new Counter({ ...config, registers: [], enableExemplars: true })
  registry.registerMetric(counter)
  return counter
}

/** A histogram that takes exemplars. */
export function exemplarHistogram<T extends string>(
  registry: Registry,
  config: HistogramConfiguration<T>,
): Histogram<T> {
  const histogram = new Histogram({ ...config, registers: [], enableExemplars: true })
  registry.registerMetric(histogram)
  return histogram
}
