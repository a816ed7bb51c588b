import type { CounterConfiguration, HistogramConfiguration, Registry } from 'prom-client'
import { type ExemplarLabels, exemplarCounter, exemplarHistogram } from './exemplars.js'

// prom-client finds a series by a text that it makes of the labels, at each call. What each request counts is kept here by hand
// between two reads.

interface Series {
  labels: Record<string, string>
  pending: number
}

/** Counts one, with the values of the one label, or of both. */
export type Count = (first: string, second?: string, exemplarLabels?: ExemplarLabels) => void

/** A counter with one label or two, whose values are of closed lists. `count.from0` makes a series that has counted nothing yet. */
export function hotCounter(
  registry: Registry,
  config: Pick<CounterConfiguration<string>, 'name' | 'help'> & { labelNames: [string, string?] },
): Count & { from0(first: string, second?: string): void } {
  const { name, help } = config
  const [firstName, secondName] = config.labelNames
  const series = new Map<string, Map<string, Series>>()
  const labelNames = secondName === undefined ? [firstName] : [firstName, secondName]
  const counter = exemplarCounter(registry, { name, help, labelNames, collect: flushAll })

  function flushAll(): void {
    for (const some of series.values()) for (const one of some.values()) flush(one)
  }

  function flush(one: Series): void {
    if (one.pending > 0) add(one, one.pending)
    one.pending = 0
  }

  /** Of labels a copy: prom-client hands out those that it was given, and whoever reads it may add to them. */
  function add({ labels }: Series, value: number, exemplarLabels?: ExemplarLabels): void {
    counter.inc({ labels: { ...labels }, value, ...(exemplarLabels && { exemplarLabels }) })
  }

  const { reset } = counter
  counter.reset = () => {
    series.clear()
    reset.call(counter)
  }

  function find(first: string, second: string): Series {
    return series.get(first)?.get(second) ?? open(first, second)
  }

  function open(first: string, second: string): Series {
    const labels = { [firstName]: first, ...(secondName !== undefined && { [secondName]: second }) }
    const one = { labels, pending: 0 }
    add(one, 0)
    const some = series.get(first) ?? new Map<string, Series>()
    series.set(first, some.set(second, one))
    return one
  }

  function count(first: string, second = '', exemplarLabels?: ExemplarLabels): void {
    const one = find(first, second)
    if (!exemplarLabels) one.pending++
    // The exemplar tells of this one alone.
    else add(one, 1, exemplarLabels)
  }
  return Object.assign(count, { from0: (first: string, second = '') => void find(first, second) })
}

/** A histogram with one label, whose values are of a closed list. */
export function hotHistogram(
  registry: Registry,
  config: HistogramConfiguration<string> & { labelNames: [string] },
): (label: string, value: number, exemplarLabels?: ExemplarLabels) => void {
  const histogram = exemplarHistogram(registry, config)
  const [labelName] = config.labelNames
  const children = new Map<string, { observe(value: number): void }>()

  return (label, value, exemplarLabels) => {
    if (exemplarLabels) {
      histogram.observe({ labels: { [labelName]: label }, value, exemplarLabels })
      return
    }
    let child = children.get(label)
    if (!child) {
      child = histogram.labels({ [labelName]: label })
      children.set(label, child)
    }
    child.observe(value)
  }
}
