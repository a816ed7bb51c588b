import type { RequestHandler } from 'express'
import { isCounted, merge } from './merge.js'
import { requireOption } from './options.js'
import { copy, scrapeHandler } from './scrape.js'
import type { Snapshot } from './snapshot.js'
import type { Metrics } from './types.js'

/** None of them answers so late. */
const MOST_ENDED = 1_000

export interface AllWorkers {
  /** Answers a scrape with the metrics of this process and of all workers as one. Mount it on a private port. */
  handler: RequestHandler
  /** What all of them have together now. */
  snapshot(): Promise<Snapshot>
  /** Takes what a worker has counted: its last word, before it ends in order. */
  keep(worker: number, snapshot: Snapshot): void
  /** Says that a worker has ended: what it has counted, as far as it is known, stays in the sums. */
  gone(worker: number): void
}

/**
 * Shows several processes as one server. Counters are sums, also of workers that have ended: a sum that fell with each of
 * them would look like a restart. What a worker that was killed had counted since it was asked last is lost; of one that does
 * not answer its counters stay as they were, and its gauges are missing.
 *
 * @param read asks all workers that there are, by a number that is never used again, such as the `generation` of
 * `@mcp-prod/workers`; undefined for one that did not answer.
 * @throws TypeError `ERR_METRICS_OPTION` when `read` is no function.
 */
export function allWorkers(
  metrics: Metrics,
  read: () => Promise<ReadonlyMap<number, Snapshot | undefined>>,
): AllWorkers {
  requireOption(typeof read === 'function', 'what reads workers', 'a function')
  const known = new Map<number, Snapshot>()
  /** The last of them: what answers late must not bring back a worker that has been counted already. */
  const ended = new Set<number>()
  let before: Snapshot = []
  let running: Promise<Snapshot> | undefined

  const counted = (snapshot: Snapshot) => snapshot.filter(isCounted)

  async function gather(): Promise<Snapshot> {
    const [own, found] = await Promise.all([metrics.snapshot(), read()])
    const shown: Snapshot[] = [own, before]
    for (const [worker, snapshot] of found) {
      if (ended.has(worker)) continue
      if (snapshot) known.set(worker, snapshot)
      shown.push(snapshot ?? counted(known.get(worker) ?? []))
    }
    // Those that were not asked have counted all the same.
    for (const [worker, snapshot] of known) if (!found.has(worker)) shown.push(counted(snapshot))
    return merge(shown)
  }

  /** One round for scrapes that come together. */
  function snapshot(): Promise<Snapshot> {
    running ??= gather().finally(() => {
      running = undefined
    })
    return running
  }

  return {
    handler: scrapeHandler(metrics.registry, async () =>
      (await snapshot()).map((metric) => copy(metric, metric)),
    ),
    snapshot,
    keep(worker, snapshot) {
      if (!ended.has(worker)) known.set(worker, snapshot)
    },
    gone(worker) {
      if (ended.has(worker)) return
      ended.add(worker)
      for (const oldest of ended) if (ended.size > MOST_ENDED) ended.delete(oldest)
      before = merge([before, counted(known.get(worker) ?? [])])
      known.delete(worker)
    },
  }
}
