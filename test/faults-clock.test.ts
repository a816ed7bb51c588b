import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { generateApiKey } from '@mcp-prod/auth'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { callNumbers, callTool, isMean2, mcpRequest } from './support/faults/call.js'
import { noClock, wallClock } from './support/faults/clock.js'
import { flood } from './support/faults/flood.js'
import { expectCleanLog } from './support/faults/judge.js'
import { type FaultServer, killAll, startServer, stopServer } from './support/faults/server.js'
import { openStream } from './support/faults/stream.js'
import { tokenIssuer } from './support/faults/tokens.js'
import { watch } from './support/faults/watch.js'
import { type Project, writeServer } from './support/project.js'

const HOUR_MS = 3_600_000
const DAY_HOURS = 24
/** Units a minute for each caller: two a second. */
const LIMIT = 120
const SLACK_MS = 10_000

let project: Project
beforeAll(async () => {
  project = await writeServer('faults-clock', { auth: 'apikey+jwt' })
})
afterAll(killAll)

/** API keys by name; the file is replaced as a whole, as rotation does it. */
function keyRing() {
  const ring = new Map(['dev', 'busy', 'brief', 'later'].map((id) => [id, generateApiKey(id)]))
  const expiresAt = new Date(Date.now() + 12 * HOUR_MS).toISOString()
  const file = join(project.folder, 'ring.json')
  return {
    file,
    keyOf: (id: string) => ring.get(id)?.key ?? '',
    async write(...ids: string[]) {
      const entries = ids.map((id) => ({
        id,
        hash: ring.get(id)?.hash,
        principal: id,
        scopes: ['stats:read', 'weather:read'],
        ...(id === 'brief' && { expiresAt }),
      }))
      await writeFile(`${file}.next`, JSON.stringify(entries))
      await rename(`${file}.next`, file)
    },
  }
}

const statusWith = async (server: FaultServer, key: string) =>
  (await callNumbers({ ...server, key })).status

/** A call of three seconds during which `meanwhile` happens after one: it must take three seconds. */
async function expectThreeSeconds(server: FaultServer, meanwhile: () => Promise<void>) {
  const call = callTool(server, 'countdown', { seconds: 3 })
  await sleep(1_000)
  await meanwhile()
  const { result, ms } = await call
  expect(result?.structuredContent).toEqual({ waitedSeconds: 3 })
  expect(ms).toBeGreaterThan(2_900)
  expect(ms).toBeLessThan(3_000 + SLACK_MS)
}

/** Sends more than the quota; says how many passed. */
async function passedOf(server: FaultServer, key: string, count: number): Promise<number> {
  const request = mcpRequest(key, 'ping', {})
  const outcomes = await flood(server.url, { method: 'POST', count, ...request })
  return count - (outcomes[429] ?? 0)
}

it('a clock that jumps a day ahead and two back: only what tells the time by it notices', async ({
  skip,
}) => {
  const reason = noClock()
  if (reason) skip(reason)
  const [clock, issuer, ring] = [await wallClock(project.folder), tokenIssuer(), keyRing()]
  await ring.write('dev', 'busy', 'brief')
  const today = issuer.token(-DAY_HOURS * 2, 1)
  const tomorrow = issuer.token(DAY_HOURS - 1, DAY_HOURS + 1)
  const server = await startServer(
    { ...project, key: ring.keyOf('dev') },
    {
      keyFile: ring.file,
      env: {
        ...clock.env,
        ...issuer.env,
        PRINCIPAL_LIMIT_PER_MINUTE: String(LIMIT),
      },
    },
  )
  const stopWatching = watch(server)
  const stream = await openStream(server)
  expect(stream.status).toBe(200)
  const busy = ring.keyOf('busy')
  const brief = ring.keyOf('brief')

  /** The hours between the clock of the newest line and the true one. */
  const hoursOff = () => (Date.parse(server.lines.at(-1)?.time ?? '') - Date.now()) / HOUR_MS
  async function expectAllWell(off: number) {
    expect(await callNumbers(server)).toSatisfy(isMean2)
    await expect.poll(hoursOff).toBeCloseTo(off, 1)
    expect(stream.isOver()).toBe(false)
    // Neither given anew by the jump nor held back by it.
    expect(await passedOf(server, busy, LIMIT)).toBeLessThan(LIMIT / 2)
    await expect.poll(() => statusWith(server, busy), { timeout: 5_000 }).toBe(200)
  }

  expect(await statusWith(server, today)).toBe(200)
  expect(await statusWith(server, tomorrow)).toBe(401)
  expect(await statusWith(server, brief)).toBe(200)
  await passedOf(server, busy, LIMIT * 2)

  await expectThreeSeconds(server, () => clock.jump(DAY_HOURS))
  await passedOf(server, busy, LIMIT)
  await expectAllWell(DAY_HOURS)
  expect(await statusWith(server, today)).toBe(401)
  expect(await statusWith(server, tomorrow)).toBe(200)
  expect(await statusWith(server, brief)).toBe(401)

  await expectThreeSeconds(server, () => clock.jump(-DAY_HOURS))
  await expectAllWell(-DAY_HOURS)
  expect(await statusWith(server, today)).toBe(200)
  expect(await statusWith(server, tomorrow)).toBe(401)
  expect(await statusWith(server, brief)).toBe(200)
  await ring.write('dev', 'busy', 'later')
  const later = () => statusWith(server, ring.keyOf('later'))
  await expect.poll(later, { timeout: 20_000, interval: 500 }).toBe(200)
  expect(await statusWith(server, brief)).toBe(401)

  await clock.jump(0)
  await expectAllWell(0)
  const durations = server.lines.flatMap(({ durationMs }) => durationMs ?? [])
  expect(durations.filter((ms) => !(Number(ms) >= 0 && Number(ms) < 10_000))).toEqual([])
  const { health, ready } = await stopWatching()
  expect({ health, ready }).toEqual({ health: [200], ready: [200] })
  await stopServer(server)
  expect(stream.text()).toContain('"resultType":"complete"')
  expectCleanLog(server)
})
