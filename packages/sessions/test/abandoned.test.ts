/**
 * Sessions that nobody ends. `SESSIONS=100000 npx vitest run abandoned` prints the curve of as many.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import type { SessionsState } from '../src/index.js'
import { initializeBody } from './raw.js'

const TOTAL = Number(process.env.SESSIONS ?? 2000)
const WAVES = 8
const IDLE_MS = 3000

type Measured = SessionsState & { heapUsed: number; external: number; rss: number }

it('leave nothing behind once they were idle for their time', { timeout: 1_800_000 }, async () => {
  const child = fork(
    fileURLToPath(new URL('./abandoned-server.ts', import.meta.url)),
    [String(IDLE_MS)],
    {
      execArgv: ['--expose-gc', '--import', 'tsx'],
    },
  )
  const next = async <T>() => (await once(child, 'message'))[0] as T
  const { port } = await next<{ port: number }>()
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  const body = JSON.stringify(initializeBody())
  const begin = () =>
    new Promise<void>((resolve, reject) => {
      const headers = {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      }
      request({ port, method: 'POST', path: '/mcp', agent, headers }, (res) => {
        res
          .resume()
          .once('end', () => (res.headers['mcp-session-id'] ? resolve() : reject(res.statusCode)))
      })
        .once('error', reject)
        .end(body)
    })
  const wave = async (count: number) => {
    let left = count
    const worker = async () => {
      while (left-- > 0) await begin()
    }
    await Promise.all(Array.from({ length: 8 }, worker))
  }
  const measure = async () => {
    const answer = next<Measured>()
    child.send('measure')
    return answer
  }
  /** When all have had their time. */
  const settled = async () => {
    for (;;) {
      const measured = await measure()
      if (measured.sessions === 0) return measured
      await sleep(200)
    }
  }
  try {
    // What is loaded and compiled on the way is no leak.
    await wave(TOTAL / WAVES)
    const curve = [await settled()]
    let peak = curve[0]
    for (let round = 1; round < WAVES; round++) {
      await wave(TOTAL / WAVES)
      const alive = await measure()
      if (alive.sessions > (peak?.sessions ?? 0)) peak = alive
      curve.push(await settled())
      if (process.env.SESSIONS) process.stdout.write(`${round + 1} of ${WAVES} waves\n`)
    }
    const heapMb = curve.map(({ heapUsed }) => Number((heapUsed / 1024 / 1024).toFixed(2)))
    const rssMb = curve.map(({ rss }) => Math.round(rss / 1024 / 1024))
    const { sessions: most = 0, heapUsed = 0 } = peak ?? {}
    const line = {
      total: TOTAL,
      heapMb,
      rssMb,
      peak: { sessions: most, heapMb: heapUsed / 1024 / 1024 },
    }
    if (process.env.SESSIONS) process.stdout.write(`${JSON.stringify(line)}\n`)
    const last = curve.at(-1)
    expect(last).toMatchObject({
      sessions: 0,
      principals: 0,
      streams: 0,
      calls: 0,
      events: 0,
      bytes: 0,
    })
    expect(last?.created).toBe(TOTAL)
    expect(last?.closedBy.idle).toBe(TOTAL)
    expect(peak?.sessions).toBeGreaterThan(0)
    // A kilobyte kept of each of the later ones would be some megabytes.
    const grown = (heapMb.at(-1) ?? 0) - (heapMb[0] ?? 0)
    expect(grown).toBeLessThan(Math.max(2, (TOTAL * 7) / 8 / 1024 / 2))
  } finally {
    child.disconnect()
    agent.destroy()
    if (child.exitCode === null) await once(child, 'exit')
  }
})
