import type { Verdict } from './judge.js'
import type { Round } from './round.js'

const FAILURES: Verdict[] = ['reset', 'truncated', 'wrong']

/** Adds up what rounds gave. */
export function tally() {
  const counts = new Map<string, Partial<Record<Verdict, number>>>()
  const totals: Record<Verdict, number> = {
    answered: 0,
    refused: 0,
    waiting: 0,
    closed: 0,
    reset: 0,
    truncated: 0,
    wrong: 0,
  }
  const exits: Record<string, number> = {}
  const failures: string[] = []
  let longestMs = 0

  return {
    totals,
    exits,
    failures,
    add(round: string, { outcomes, ended, faults }: Round): void {
      const how = String(ended.code ?? ended.signal)
      exits[how] = (exits[how] ?? 0) + 1
      longestMs = Math.max(longestMs, ended.tookMs)
      const played = [...new Set(outcomes.map(({ moment }) => moment))].join(' + ')
      for (const fault of faults) failures.push(`round ${round} (${played}): ${fault}`)
      for (const { moment, outcome } of outcomes) {
        const { verdict, detail = '' } = outcome
        const count = counts.get(moment) ?? {}
        count[verdict] = (count[verdict] ?? 0) + 1
        counts.set(moment, count)
        totals[verdict]++
        if (FAILURES.includes(verdict))
          failures.push(`round ${round}, ${moment}: ${verdict} ${detail}`)
      }
    },
    /** For people: a line for each moment. */
    table(): string {
      const rows = [...counts].sort().map(([moment, count]) => {
        const said = Object.entries(count).map(([verdict, n]) => `${n} ${verdict}`)
        return `  ${moment.padEnd(56)} ${said.join(', ')}`
      })
      const ends = Object.entries(exits).map(([how, n]) => `${n} × ${how}`)
      return [...rows, `  exits: ${ends.join(', ')}; longest ${Math.round(longestMs)} ms`].join(
        '\n',
      )
    },
  }
}
