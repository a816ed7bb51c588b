import type { Run } from './run.js'

/** The counts of a run, to be read. */
export function tableOf(title: string, run: Run): string {
  const { tally, restarts, exitCodes, drainsMs, noticesMs } = run
  const { opened, completed, resumed } = tally.streams
  const calls = Object.entries(tally.calls)
  const rows: [string, string | number][] = [
    ...calls.map(([kind, { answered, failed }]): [string, string] => [
      `calls, ${kind}`,
      `${answered} answered, ${failed} failed`,
    ]),
    ['calls, all', `${sumOf(run, 'answered')} answered, ${sumOf(run, 'failed')} failed`],
    ['calls in the logs of the replicas', run.answered],
    ['processes that answered', tally.pids.size],
    ['truncated answers', tally.truncated],
    ['streams', `${opened} opened, ${completed} ended complete, ${resumed} resumed`],
    ['restarts', restarts],
    ['exit codes', countsOf(exitCodes)],
    ['slowest drain', slowest(drainsMs)],
    ['slowest notice of the balancer', slowest(noticesMs)],
    ['complaints of the balancer', run.complaints.length],
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  return [title, ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`)].join('\n')
}

export function sumOf({ tally }: Run, outcome: 'answered' | 'failed'): number {
  return Object.values(tally.calls).reduce((sum, count) => sum + count[outcome], 0)
}

function countsOf(values: readonly unknown[]): string {
  const counts = new Map<unknown, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].map(([value, count]) => `${value} (${count} times)`).join(', ')
}

function slowest(timesMs: readonly number[]): string {
  return `${(Math.max(...timesMs) / 1000).toFixed(1)} s`
}
