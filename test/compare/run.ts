import { existsSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { contestants } from './contestants.js'
import { startIssuer } from './credentials.js'
import { differences, writePage } from './document.js'
import { install } from './install.js'
import { observe, observeTogether } from './observe.js'
import { type Start, stopAll } from './server-process.js'
import { type Column, page } from './table.js'

// Installs each framework at its pinned version, starts a server of it, asks all of them the same, and writes
// docs/comparison.md. `--check` only compares the page with the pins; `--only a,b` prints and writes nothing; `--keep
// folder` installs there and leaves it, so that the next run need not.
const { values } = parseArgs({
  options: { check: { type: 'boolean' }, only: { type: 'string' }, keep: { type: 'string' } },
})
const LANES = 4
const say = (line: string) => process.stderr.write(`${line}\n`)

async function check(): Promise<void> {
  const found = await differences()
  for (const difference of found) say(`docs/comparison.md: ${difference}: npm run compare`)
  process.exitCode = found.length > 0 ? 1 : 0
}

/** Installs and asks one contestant; one that cannot be installed or started keeps its column, with the reason. */
async function measured(column: Column, how: Start): Promise<boolean> {
  try {
    say(`${how.contestant.title}: installing`)
    if (!existsSync(join(how.folder, 'node_modules'))) await install(how.contestant, how.folder)
    say(`${how.contestant.title}: asking`)
    column.cells = await observe(how)
    say(`${how.contestant.title}: done`)
    return true
  } catch (error) {
    column.problem = error instanceof Error ? error.message : String(error)
    return false
  }
}

async function compare(home: string): Promise<void> {
  const only = values.only?.split(',')
  const chosen = contestants.filter(({ id }) => only?.includes(id) ?? true)
  const issuer = await startIssuer()
  const columns: Column[] = chosen.map((contestant) => ({ contestant, cells: {} }))
  const ready: Start[] = []
  const waiting = [...columns]
  // They wait more than they work; what is compared as a rate is measured in turns, below.
  const lane = async () => {
    for (let column = waiting.shift(); column !== undefined; column = waiting.shift()) {
      const how = {
        contestant: column.contestant,
        folder: join(home, column.contestant.id),
        issuer,
      }
      if (await measured(column, how)) ready.push(how)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  say('all: waiting for tools that never answer, then taking turns')
  const together = await observeTogether(ready)
  for (const { contestant, cells } of columns) Object.assign(cells, together.get(contestant.id))
  issuer.server.close()
  const text = page(columns, new Date().toISOString().slice(0, 10))
  process.stdout.write(`${text}\n`)
  if (only === undefined) await writePage(text)
  // A page with a hole is written, so that the hole is seen, and is a failure.
  const holes = columns.some(
    ({ problem, cells }) => problem ?? Object.values(cells).some((cell) => /^probe /.test(cell)),
  )
  if (holes) process.exitCode = 1
}

if (values.check) await check()
else {
  const home = values.keep ?? (await mkdtemp(join(tmpdir(), 'mcp-prod-compare-')))
  // However it ends, no server outlives it.
  process.once('exit', () => {
    stopAll()
    if (values.keep === undefined) rmSync(home, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  await compare(home)
  process.exit()
}
