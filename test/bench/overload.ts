import { setTimeout as sleep } from 'node:timers/promises'
import { generateApiKey } from '@mcp-prod/auth'
import { mcpRequest } from '../support/faults/call.js'
import { noLimits } from '../support/no-limits.js'
import { writeServer } from '../support/project.js'
import { startChild, waitFor } from '../support/rolling/child.js'
import { fixedPorts } from '../support/rolling/ports.js'
import { type Called, callers } from './callers.js'

// Five times what the generated server can do: how much of its best it goes on doing, how long the admitted wait, and whether its
// probes answer. Then one principal at full blast beside a modest one.
const SECONDS = Number(process.env.BENCH_SECONDS ?? 10)
const CASES = [
  [1, '200ms'],
  [5, '200ms'],
  [5, '50ms'],
  [20, '200ms'],
] as const
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

/** A call of the tool, as bytes. */
function requestOf(key: string, args: { rounds: number; waitMs: number }): string {
  const { headers, body } = mcpRequest(key, 'tools/call', { name: 'work', arguments: args })
  const sent = { Host: 'localhost', ...headers, 'Content-Length': String(Buffer.byteLength(body)) }
  const lines = Object.entries(sent).map(([name, value]) => `${name}: ${value}\r\n`)
  return `POST /mcp HTTP/1.1\r\n${lines.join('')}\r\n${body}`
}

const quantile = (numbers: number[], share: number) =>
  numbers.toSorted((a, b) => a - b)[Math.ceil(numbers.length * share) - 1] ?? Number.NaN
const fine = (all: Called[]) => all.filter(({ status }) => status === 200)
const print = (line: string) => process.stdout.write(`${line}\n`)
const p50and99 = (values: number[]) =>
  `p50 ${ms(quantile(values, 0.5))}, p99 ${ms(quantile(values, 0.99))}`
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
for (const [computeMs, delay] of CASES) {
  const stop = await start({ MAX_EVENT_LOOP_DELAY: delay })
  const clients = await callers(port, 200)
  const request = requestOf(modest.key, { rounds: await roundsFor(computeMs), waitMs: 0 })
  await clients.closed(8, 2_000, request)
  const peak = fine(await clients.closed(16, SECONDS * 1000, request)).length / SECONDS
  const probes: number[] = []
  const look = () => probe().then((took) => void probes.push(took), String)
  const timer = setInterval(look, 100)
  const { all, missed } = await clients.open(peak * 5, SECONDS * 1000, request)
  clearInterval(timer)
  const admitted = fine(all)
  const took = admitted.map(({ ms }) => ms)
  print(
    `  ${computeMs} ms of computing, MAX_EVENT_LOOP_DELAY=${delay}: goodput ${(admitted.length / SECONDS / peak).toFixed(2)} × peak (${peak.toFixed(0)}/s); ` +
      `${all.length - admitted.length} refused, ${missed} found no free connection; ` +
      `admitted ${p50and99(took)}; probes ${p50and99(probes)}`,
  )
  clients.close()
  await stop()
}

const stop = await start()
const rounds = await roundsFor(1)
const clients = await callers(port, 300)
const others = await callers(port, 50)
const calm = () => others.open(10, SECONDS * 1000, requestOf(modest.key, { rounds, waitMs: 100 }))
await others.closed(8, 2_000, requestOf(modest.key, { rounds, waitMs: 100 }))
const alone = fine((await calm()).all).map(({ ms }) => ms)
const greedyRequest = requestOf(greedy.key, { rounds, waitMs: 100 })
const blast = clients.closed(300, (SECONDS + 2) * 1000, greedyRequest)
// The first second, in which three hundred come at once, is a burst.
await sleep(2_000)
const beside = (await calm()).all
const greed = await blast
const took = fine(beside).map(({ ms }) => ms)
const ratio = (quantile(took, 0.99) / quantile(alone, 0.99)).toFixed(2)
print(
  `  beside one at full blast: p99 ${ms(quantile(took, 0.99))}, ${ratio} × that of a server alone, ` +
    `${beside.length - took.length} of ${beside.length} refused; of the greedy one ${fine(greed).length} answered, ${greed.length - fine(greed).length} refused`,
)
await stop()
process.exit()
