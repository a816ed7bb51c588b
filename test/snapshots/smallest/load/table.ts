import type { Era, Stage } from './run.js'

interface Column {
  title: string
  width: number
  of(stage: Stage, era: Era): string
}

const latency = (name: 'p50' | 'p90' | 'p99' | 'max'): Column => ({
  title: name,
  width: 9,
  of: ({ latencyMs }) => (latencyMs ? time(latencyMs[name]) : '–'),
})

/** The same in the terminal and on the page. */
export const columns: readonly Column[] = [
  { title: 'conns', width: 5, of: ({ connections }) => String(connections) },
  { title: 'era', width: 10, of: (_, era) => era },
  { title: 'calls/s', width: 8, of: ({ callsPerSecond }) => rate(callsPerSecond) },
  ...(['p50', 'p90', 'p99', 'max'] as const).map(latency),
  { title: 'errors', width: 7, of: ({ errors }) => String(errors) },
  { title: 'refused', width: 7, of: ({ refused }) => String(refused) },
  {
    title: 'server CPU',
    width: 10,
    of: ({ serverCpu }) => (serverCpu === null ? '–' : serverCpu.toFixed(2)),
  },
  {
    title: 'generator',
    width: 9,
    of: ({ generatorBusy }) => `${Math.round(generatorBusy * 100)} %`,
  },
]

const line = (cells: (column: Column) => string) =>
  columns.map((column) => cells(column).padStart(column.width)).join('  ')

export const headLine = () => line(({ title }) => title)
export const rowLine = (stage: Stage, era: Era) => line(({ of }) => of(stage, era))

export function rate(perSecond: number): string {
  const digits = perSecond < 10 ? 2 : perSecond < 100 ? 1 : 0
  return perSecond.toLocaleString('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
}

export function time(milliseconds: number): string {
  if (milliseconds >= 1_000) return `${(milliseconds / 1_000).toFixed(2)} s`
  return `${milliseconds.toFixed(milliseconds < 10 ? 2 : milliseconds < 100 ? 1 : 0)} ms`
}

export const counted = (connections: number) =>
  `${connections} ${connections === 1 ? 'connection' : 'connections'}`
