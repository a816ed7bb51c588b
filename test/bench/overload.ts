import { setTimeout as sleep } from 'node:timers/promises'
import { generateApiKey } from '@mcp-prod/auth'
import { mcpRequest } from '../support/faults/call.js'
import { noLimits } from '../support/no-limits.js'
import { writeServer } from '../support/project.js'
import { startChild, waitFor } from '../support/rolling/child.js'
import { fixedPorts } from '../support/rolling/ports.js'

// Five times what the generated server can do: how much of its best it goes on doing, how long the admitted wait, and whether its
// probes answer. Then one principal at full blast beside a modest one.
const SECONDS = Number(process.env.BENCH_SECONDS ?? 10)
const tool = `
import { pbkdf2Sync } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineTool, type Tool } from '@mcp-prod/tools'
import { z } from 'zod'
export const work = defineTool({
  name: 'work',
  description: 'Computes and waits for so long.',
  input: z.object({ rounds: z.int(), waitMs: z.int() }),
  async run({ rounds, waitMs }) {
    if (waitMs > 0) await sleep(waitMs)
    if (rounds > 0) pbkdf2Sync('password', 'salt', rounds, 32, 'sha256')
    return 'done'
  },
})
export const tools: readonly Tool[] = [work]
`
const project = await writeServer('bench-overload', {}, { 'src/tools/index.ts': tool })
const modest = generateApiKey('modest')
const greedy = generateApiKey('greedy')
const [port = 0, adminPort = 0] = await fixedPorts(2)
const url = `http://127.0.0.1:${port}/mcp`
const { MAX_CONCURRENT_CALLS: _, MAX_EVENT_LOOP_DELAY: __, ...noRates } = noLimits

async function start(env: Record<string, string> = {}) {
  const entry = ({ id, hash }: typeof modest) => ({ id, hash, principal: id, scopes: [] })
  const child = startChild(process.execPath, ['dist/main.js'], {
    cwd: project.folder,
    end: 'SIGKILL',
    env: {
      NODE_ENV: 'production',
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
      SHUTDOWN_GRACE: '0s',
      API_KEYS: JSON.stringify([entry(modest), entry(greedy)]),
      ...noRates,
      ...env,
    },
  })
  await waitFor('the server', child, async () => (await probe()) > 0)
  return async () => {
    child.process.kill('SIGKILL')
    await child.exited
  }
}

async function probe(): Promise<number> {
  const began = performance.now()
  const response = await fetch(`http://127.0.0.1:${adminPort}/health`)
  await response.arrayBuffer()
  return performance.now() - began
}

/** One call: how it ended, and the milliseconds it took. */
async function call(key: string, args: { rounds: number; waitMs: number }) {
  const { headers, body } = mcpRequest(key, 'tools/call', { name: 'work', arguments: args })
  const began = performance.now()
  const response = await fetch(url, { method: 'POST', headers, body })
  await response.arrayBuffer()
  return { status: response.status, ms: performance.now() - began }
}
type Called = Awaited<ReturnType<typeof call>>

/** Callers who each wait for their answer. */
async function closed(width: number, ms: number, one: () => Promise<Called>): Promise<Called[]> {
  const all: Called[] = []
  const end = performance.now() + ms
  const caller = async () => {
    while (performance.now() < end) all.push(await one())
  }
  await Promise.all(Array.from({ length: width }, caller))
  return all
}

/** Calls that come whether others were answered or not, at most `width` of them at once. */
async function open(perSecond: number, width: number, ms: number, one: () => Promise<Called>) {
  const all: Called[] = []
  const under = new Set<Promise<void>>()
  const began = performance.now()
  let due = 0
  let missed = 0
  while (performance.now() - began < ms) {
    for (const until = ((performance.now() - began) * perSecond) / 1000; due < until; due++) {
      if (under.size >= width) {
        missed++
        continue
      }
      const done: Promise<void> = one().then((called) => {
        all.push(called)
        under.delete(done)
      })
      under.add(done)
    }
    await sleep(5)
  }
  await Promise.all(under)
  return { all, missed }
}

const quantile = (numbers: number[], share: number) =>
  numbers.toSorted((a, b) => a - b)[Math.ceil(numbers.length * share) - 1] ?? Number.NaN
const fine = (all: Called[]) => all.filter(({ status }) => status === 200)
const print = (line: string) => process.stdout.write(`${line}\n`)
const ms = (value: number) => `${value.toFixed(0)} ms`

/** Rounds that compute for so long on this machine. */
async function roundsFor(wanted: number): Promise<number> {
  const { pbkdf2Sync } = await import('node:crypto')
  const took = Array.from({ length: 10 }, () => {
    const began = performance.now()
    pbkdf2Sync('password', 'salt', 10_000, 32, 'sha256')
    return performance.now() - began
  })
  return Math.ceil((10_000 * wanted) / Math.min(...took))
}

print(`node ${process.version}, ${SECONDS} s each`)
for (const computeMs of [1, 5, 20]) {
  const stop = await start()
  const args = { rounds: await roundsFor(computeMs), waitMs: 0 }
  const one = () => call(modest.key, args)
  await closed(4, 1_000, one)
  const peak = fine(await closed(8, SECONDS * 1000, one)).length / SECONDS
  const probes: number[] = []
  const timer = setInterval(() => void probe().then((took) => probes.push(took)), 100)
  const { all, missed } = await open(peak * 5, 400, SECONDS * 1000, one)
  clearInterval(timer)
  const admitted = fine(all)
  const took = admitted.map(({ ms }) => ms)
  print(
    `  ${computeMs} ms of computing: goodput ${(admitted.length / SECONDS / peak).toFixed(2)} × peak (${peak.toFixed(0)}/s), ` +
      `refused ${all.length - admitted.length}, not even sent ${missed}, admitted p50 ${ms(quantile(took, 0.5))} p99 ${ms(quantile(took, 0.99))}, ` +
      `probes p50 ${ms(quantile(probes, 0.5))} p99 ${ms(quantile(probes, 0.99))}`,
  )
  await stop()
}

const stop = await start()
const args = { rounds: await roundsFor(1), waitMs: 100 }
const calm = () => open(10, 100, SECONDS * 1000, () => call(modest.key, args))
await closed(4, 1_000, () => call(modest.key, args))
const alone = fine((await calm()).all).map(({ ms }) => ms)
const blast = closed(500, SECONDS * 1000, () => call(greedy.key, args))
const beside = (await calm()).all
const greed = await blast
const took = fine(beside).map(({ ms }) => ms)
print(
  `  beside one at full blast: p99 ${ms(quantile(alone, 0.99))} alone, ${ms(quantile(took, 0.99))} beside ` +
    `(${(quantile(took, 0.99) / quantile(alone, 0.99)).toFixed(2)} ×), ${beside.length - took.length} refused of ${beside.length}; ` +
    `of the greedy one ${fine(greed).length} answered, ${greed.length - fine(greed).length} refused`,
)
await stop()
process.exit()
