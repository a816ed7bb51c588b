import { createHistogram } from 'node:perf_hooks'
import type { Outcome } from './judge-answer.js'
import type { Stage } from './run.js'

/** Messages of a server are no closed list: beyond this many they are counted together. */
const MAX_KINDS = 20

/** Counts the outcomes of one stage. */
export function createTally() {
  const histogram = createHistogram({ lowest: 1, highest: 1_200_000_000, figures: 3 })
  const failures = new Map<string, number>()
  const counts = { ok: 0, error: 0, refused: 0, limited: 0 }
  let inTime = 0
  let limit: { what: string; remedy: string } | undefined

  function add(outcome: Outcome, latencyMs: number, wasInTime: boolean): void {
    counts[outcome.kind]++
    if (outcome.kind === 'ok') {
      histogram.record(Math.max(1, Math.round(latencyMs * 1_000)))
      if (wasInTime) inTime++
      return
    }
    if (outcome.kind === 'limited') limit ??= outcome
    const isNew = !failures.has(outcome.what)
    const what = isNew && failures.size >= MAX_KINDS ? 'others' : outcome.what
    failures.set(what, (failures.get(what) ?? 0) + 1)
  }

  const ms = (percentile: number) => histogram.percentile(percentile) / 1_000
  return {
    add,
    /** The first 429, if there was one. */
    limit: () => limit,
    /** For whoever watches. */
    now: () => ({ ok: counts.ok, failed: counts.error + counts.refused, p99Ms: ms(99) }),
    /**
     * `seconds` is how long calls were begun, `elapsed` when the last was answered. Those answered later have their latency
     * counted, not their number: but where calls take longer than a stage there are no others.
     */
    stage: (connections: number, seconds: number, elapsed: number) =>
      ({
        connections,
        seconds,
        calls: counts.ok + counts.error + counts.refused + counts.limited,
        callsPerSecond: inTime >= connections ? inTime / seconds : counts.ok / elapsed,
        latencyMs:
          counts.ok > 0
            ? { p50: ms(50), p90: ms(90), p99: ms(99), max: histogram.max / 1_000 }
            : null,
        errors: counts.error,
        refused: counts.refused,
        failures: [...failures]
          .map(([what, count]) => ({ what, count }))
          .sort((a, b) => b.count - a.count),
      }) satisfies Partial<Stage>,
  }
}

export type Tally = ReturnType<typeof createTally>
