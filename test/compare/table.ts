import type { Cells } from './cells.js'
import type { Contestant } from './contestants.js'

const operation: readonly [string, string][] = [
  ['thrown', 'text of an error that a tool throws [^thrown]'],
  ['rejection', 'one unhandled rejection [^rejection]'],
  ['sigterm', 'SIGTERM during a call of 2 s [^sigterm]'],
  ['readiness', 'readiness at SIGTERM [^readiness]'],
  ['metrics', 'Prometheus metrics [^metrics]'],
  ['anonymous', 'no credentials [^anonymous]'],
  ['foreign', 'foreign `Host`, foreign `Origin` [^foreign]'],
  ['body', 'a body of 20 MB [^body]'],
  ['hang', 'a tool that never answers [^hang]'],
  ['burst', '2,000 calls at once by one client [^burst]'],
  ['secrets', 'secrets from files [^secrets]'],
  ['files', 'files for operation [^files]'],
]
const cost: readonly [string, string][] = [
  ['protocol', 'newest revision served'],
  ['stdio', 'the same tools over stdio'],
  ['signIn', 'OAuth sign-in, as a proxy [^signIn]'],
  ['lines', 'lines to the first tool [^lines]'],
  ['packages', 'packages installed'],
  ['megabytes', 'their files'],
  ['start', 'processor time to start, memory then [^start]'],
]

export interface Column {
  contestant: Contestant
  cells: Cells
  /** Why there are no cells. */
  problem?: string
}

/** Both tables, and above them what was measured, with which versions, when. */
export function page(columns: readonly Column[], date: string): string {
  const versions = columns
    .filter(({ contestant }) => contestant.id !== 'mcp-prod')
    .map(({ contestant }) => `- ${contestant.title}: ${pinsOf(contestant)}`)
  const problems = columns.flatMap(({ contestant, problem }) =>
    problem === undefined ? [] : [`- ${contestant.title} could not be measured: ${line(problem)}`],
  )
  return [
    `Measured on ${date} with Node ${process.version}, ${process.platform} ${process.arch}:`,
    '',
    ...versions,
    ...problems,
    '',
    '### When something goes wrong',
    '',
    ...table(operation, columns),
    '',
    '### What it takes, and what else there is',
    '',
    ...table(cost, columns),
  ].join('\n')
}

/** The packages that a contestant is made of here, with their exact versions. */
export function pinsOf({ packages, development = {} }: Contestant): string {
  const all = Object.entries({ ...packages, ...development })
  return all.map(([name, version]) => `\`${name}@${version}\``).join(', ')
}

function table(rows: readonly [string, string][], columns: readonly Column[]): string[] {
  const shown = columns.filter(({ problem }) => problem === undefined)
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    row(['', ...shown.map(({ contestant }) => contestant.title)]),
    row(['---', ...shown.map(() => '---')]),
    ...rows.map(([id, title]) => row([title, ...shown.map(({ cells }) => line(cells[id] ?? '–'))])),
  ]
}

/** What a server or an installer said may hold anything; a cell holds one short line. */
function line(text: string): string {
  const flat = text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').replaceAll('<', '&lt;').trim()
  return flat.length > 160 ? `${flat.slice(0, 159)}…` : flat
}
