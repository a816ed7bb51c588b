import { Counter, Gauge, type Registry } from 'prom-client'
import { requireOption } from './options.js'

export interface Sample {
  labels?: Record<string, string>
  /** Left out of the scrape unless it is a finite number, and of a counter below 0. */
  value: number | undefined
}

interface ReadMetric {
  kind: 'gauge' | 'counter'
  name: string
  help: string
  labelNames?: string[]
  /** Asked at each scrape; while it throws, there are no series. */
  read: () => readonly Sample[] | Promise<readonly Sample[]>
}

/** A metric that is kept elsewhere and looked at when it is scraped. */
export function readMetric(registry: Registry, metric: ReadMetric): void {
  const { kind, name, help, labelNames = [], read } = metric
  const least = kind === 'counter' ? 0 : Number.NEGATIVE_INFINITY

  async function collect(): Promise<void> {
    const samples = await attempt(read)
    // From here on at once: another scrape may be at the same point.
    shown.reset()
    // A metric without labels has a 0 then, which nobody has read.
    if (labelNames.length === 0) shown.remove()
    for (const { labels = {}, value } of samples) {
      if (value === undefined || !Number.isFinite(value) || value < least) continue
      shown.inc(labels, value)
    }
  }
  const config = { name, help, labelNames, registers: [registry], collect }
  const shown = kind === 'counter' ? new Counter(config) : new Gauge(config)
}

async function attempt(read: ReadMetric['read']): Promise<readonly Sample[]> {
  try {
    return await read()
  } catch {
    return []
  }
}

/** Reads that are registered by a name of their own, and the samples of those that can be read. */
export function namedReads<T>(what: string) {
  const reads = new Map<string, () => T>()
  return {
    reads,
    add(name: string, read: () => T): void {
      requireOption(typeof name === 'string' && name !== '', `the name of a ${what}`, 'a text')
      requireOption(
        !reads.has(name),
        `the name of ${what} "${name}"`,
        `one that no other ${what} has`,
      )
      requireOption(typeof read === 'function', `what reads ${what} "${name}"`, 'a function')
      reads.set(name, read)
    },
    /** One that throws is missing, and those of the others are not. */
    samples(label: string, measure: (state: T) => number | undefined): Sample[] {
      return [...reads].flatMap(([name, read]) => {
        try {
          return [{ labels: { [label]: name }, value: measure(read()) }]
        } catch {
          return []
        }
      })
    },
  }
}

/**
 * One read for all series that come of it: a scrape asks all metrics in one turn. So its numbers fit together, and what takes long
 * with much to look through is done once.
 */
export function inOneTurn<T>(read: () => T): () => T {
  let kept: { state: T } | undefined
  return () => {
    if (!kept) {
      kept = { state: read() }
      queueMicrotask(() => {
        kept = undefined
      })
    }
    return kept.state
  }
}

/** What is there once: registered when it is first observed, so that it has no series where it is not. */
export function once<T>(what: string, register: (read: () => T) => void): (read: () => T) => void {
  let taken = false
  return (read) => {
    requireOption(typeof read === 'function', `what ${what} reads`, 'a function')
    requireOption(!taken, what, 'called once')
    taken = true
    register(read)
  }
}
