import { setTimeout as sleep } from 'node:timers/promises'
import { probedServer } from './probed-server.js'
import { honest, legacy } from './requests.js'
import { trend } from './trend.js'
import { visitorsOf } from './visitors.js'

// What the server keeps while so many of one kind come and go, in twenty steps. Kinds by their names; without any, calls and sessions.
const STEPS = 20
/** The first steps still load code and fill caches. */
const WARM_UP = 0.2
/** How many at a time, and how many in all. */
const kinds: Record<string, { width: number; count: number }> = {
  calls: { width: 16, count: 100_000 },
  sessions: { width: 16, count: 100_000 },
  strangers: { width: 16, count: 100_000 },
  nonsense: { width: 16, count: 100_000 },
  dropped: { width: 32, count: 40_000 },
  hungUp: { width: 64, count: 20_000 },
  streams: { width: 14, count: 10_000 },
}
const SESSION_IDLE_MS = 1_000

const print = (line: string) => process.stdout.write(`${line}\n`)
const asked = process.argv.slice(2)
const server = await probedServer(
  'memory',
  { sessions: true },
  // Those of a step are gone when it is looked at.
  {
    SESSION_IDLE: `${SESSION_IDLE_MS}ms`,
    MAX_SESSIONS: '200000',
    MAX_SESSIONS_PER_PRINCIPAL: '100000',
  },
)
const { url, headers } = server
const requests = honest(headers)
let turn = 0
const initialize = legacy(headers, 'initialize', {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'memory', version: '1.0.0' },
})

async function expectOk(request: RequestInit): Promise<Response> {
  const response = await fetch(url, request)
  await response.arrayBuffer()
  if (response.status !== 200) throw new Error(`answered ${response.status}`)
  return response
}
const visits: Record<string, () => Promise<unknown>> = {
  ...visitorsOf(url, headers),
  calls: () => expectOk(requests[turn++ % requests.length] ?? initialize),
  // Abandoned: nobody comes back to end it.
  async sessions() {
    const response = await expectOk(initialize)
    if (!response.headers.get('mcp-session-id')) throw new Error('no session was given')
  },
}

let grows = false
for (const name of asked.length > 0 ? asked : ['calls', 'sessions']) {
  const { width, count } = kinds[name] ?? { width: 0, count: 0 }
  const visit = visits[name]
  if (!visit) throw new Error(`no kind is named ${name}: ${Object.keys(kinds).join(', ')}`)
  const sizes: number[] = []
  let failed = 0
  for (let step = 0; step < STEPS; step++) {
    let left = count / STEPS
    const work = async () => {
      while (left-- > 0) await visit().catch(() => failed++)
    }
    await Promise.all(Array.from({ length: width }, work))
    await sleep(SESSION_IDLE_MS + 2_500)
    sizes.push((await server.kept()).bytes)
  }
  const { slope, noise, grows: isMore } = trend(sizes.slice(STEPS * WARM_UP))
  grows ||= isMore || failed > 0
  print(
    `${name}: ${count}, ${failed} failed; MB ${sizes.map((size) => (size / 1e6).toFixed(2)).join(' ')}`,
  )
  const each = (value: number) => ((value * STEPS) / count).toFixed(1)
  print(`  ${each(slope)} bytes each, noise ±${each(noise)}: ${isMore ? 'GROWS' : 'flat'}`)
}
const code = await server.stop()
print(`exit code ${code}`)
process.exit(grows || code !== 0 ? 1 : 0)
