import type { RequestHandler } from 'express'
import { Registry, type RegistryContentType } from 'prom-client'
import { prefersOpenMetrics } from './accept.js'

/** What prom-client's `metrics()` asks of a metric. */
export interface Readable {
  name: string
  type: unknown
  get(): Promise<object>
}

/** Milliseconds for which a scrape waits for one metric: Prometheus itself gives up after 10 s. */
const READ_TIMEOUT_MS = 3_000

/** Reads all that a registry has, each metric within its time: the others are needed most when something is wrong. */
export function registryReader(registry: Registry): () => Promise<Readable[]> {
  const read = boundedReads()
  return () => read(registry.getMetricsAsArray() as unknown as Readable[])
}

/** Answers scrapes in the format that they ask for, with what `read` gives. */
export function scrapeHandler(registry: Registry, read: () => Promise<Readable[]>): RequestHandler {
  return async function metricsHandler(req, res) {
    const contentType = prefersOpenMetrics(req.headers.accept)
      ? Registry.OPENMETRICS_CONTENT_TYPE
      : Registry.PROMETHEUS_CONTENT_TYPE
    const text = await render(registry, await read(), contentType)
    // As it is: Express would put its own idea of the parameters in.
    res.set({ 'Cache-Control': 'no-store', Vary: 'Accept' })
    res.setHeader('Content-Type', contentType)
    res.end(text)
  }
}

/**
 * prom-client has one format for each registry, and renames its counters for good when it writes OpenMetrics. So it is
 * given a view of the registry that lives for one scrape, with copies of what was read.
 */
function render(registry: Registry, metrics: Readable[], contentType: RegistryContentType) {
  const view: Registry = Object.create(registry, {
    contentType: { value: contentType },
    getMetricsAsArray: { value: () => metrics },
  })
  return view.metrics()
}

/** Reads metrics at once, each within its time. One that throws is left out; one that hangs is not asked again until it has answered. */
function boundedReads() {
  const hung = new WeakSet<Readable>()

  async function copyOf(metric: Readable, late: Promise<'late'>): Promise<Readable[]> {
    if (hung.has(metric)) return []
    try {
      const reading = metric.get()
      const read = await Promise.race([reading, late])
      if (read !== 'late') return [copy(metric, read)]
      hung.add(metric)
      const answered = () => hung.delete(metric)
      reading.then(answered, answered)
    } catch {
      // Missing, as a query with absent() can tell.
    }
    return []
  }

  return async function readAll(metrics: Readable[]): Promise<Readable[]> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(resolve, READ_TIMEOUT_MS, 'late')
    })
    try {
      return (await Promise.all(metrics.map((metric) => copyOf(metric, late)))).flat()
    } finally {
      clearTimeout(timer)
    }
  }
}

export function copy({ name, type }: Pick<Readable, 'name' | 'type'>, data: object): Readable {
  // The name may be changed before `get` is called.
  const copied = { name, type, get: async () => ({ ...data, name: copied.name }) }
  return copied
}
