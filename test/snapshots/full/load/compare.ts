import { isDeepStrictEqual } from 'node:util'
import type { Comparison, EraRun, Run } from './run.js'

export type Measured = Omit<Run, 'comparison'>

/** What must be the same, or numbers say nothing about each other. */
const SAME: Record<string, (run: Measured) => unknown> = {
  url: (run) => run.url,
  tool: (run) => run.tool,
  arguments: (run) => run.arguments,
  'stage seconds': (run) => run.options.stageSeconds,
  'error rate allowed': (run) => run.options.maxErrorRate,
  'p99 allowed': (run) => run.options.maxP99Ms,
  machine: (run) => run.machine,
}

/** The newest earlier run of the same call, with the same options, on the same machine, that came to its end. */
export function lastLike(run: Measured, earlier: readonly Run[]): Run | undefined {
  return earlier.find((other) => differences(run, other).length === 0)
}

export function compare(run: Measured, earlier: readonly Run[]): Comparison {
  const last = lastLike(run, earlier)
  if (last === undefined) return { startedAt: null, text: [whyNone(run, earlier)], eras: [] }
  const eras = run.eras.flatMap((now) => {
    const then = last.eras.find(({ era }) => era === now.era)
    return then ? [compareEra(now, then)] : []
  })
  const text = [`Compared with the run of ${last.startedAt}.`]
  if (last.node !== run.node) text.push(`Node was ${last.node} then and is ${run.node} now.`)
  return { startedAt: last.startedAt, text: [...text, ...eras.map(textOf)], eras }
}

function whyNone(run: Measured, [newest]: readonly Run[]): string {
  if (newest === undefined) return 'Not compared: this is the first run.'
  const what = differences(run, newest).join(', ')
  return `Not compared: no earlier run is like this one; the last, of ${newest.startedAt}, differs in: ${what}.`
}

function differences(a: Measured, b: Measured): string[] {
  const named = Object.entries(SAME).filter(([, of]) => !isDeepStrictEqual(of(a), of(b)))
  const cut = b.eras.some(({ end }) => end.reason === 'interrupted' || end.reason === 'limits')
  return [...named.map(([name]) => name), ...(cut ? ['how it ended: cut short'] : [])]
}

function compareEra(now: EraRun, then: EraRun): Comparison['eras'][number] {
  const p99Ratios = now.stages.flatMap(({ connections, latencyMs }) => {
    const other = then.stages.find((stage) => stage.connections === connections)?.latencyMs
    if (!latencyMs || !other) return []
    return [{ connections, ratio: rounded(latencyMs.p99 / other.p99) }]
  })
  const throughputRatio =
    now.best && then.best && then.best.callsPerSecond > 0
      ? rounded(now.best.callsPerSecond / then.best.callsPerSecond)
      : null
  return { era: now.era, throughputRatio, p99Ratios }
}

function textOf({ era, throughputRatio, p99Ratios }: Comparison['eras'][number]): string {
  const throughput =
    throughputRatio === null ? 'no throughput to compare' : `best throughput ×${throughputRatio}`
  const p99 = p99Ratios.map(({ connections, ratio }) => `${connections}: ×${ratio}`).join(', ')
  return `${era}: ${throughput}${p99 && `; p99 at connections ${p99}`}.`
}

const rounded = (ratio: number) => Number(ratio.toPrecision(3))
