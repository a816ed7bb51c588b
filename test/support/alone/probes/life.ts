import { expect } from 'vitest'
import { redisServer } from '../../../../packages/redis/test/support/redis-server.js'
import { must } from '../../command.js'
import { ask, askUntilThere, rpc, serve, untilStatus } from '../ask.js'
import { readmeOf } from '../readme.js'
import type { Probe } from './probe.js'

const at = 'http://127.0.0.1:8080/'

export const configProbe: Probe = async ({ start, folder }) => {
  const { text } = await readmeOf('config', folder)
  const [, shown] = /^```\n(The configuration has 3 faults:\n.*?)^```$/ms.exec(text) ?? []
  const wrong = await start({ PORT: '80a', TIMEOUT: '5', API_KEY: 'hunter2' })
  expect(await wrong.exit).toBe(1)
  expect(wrong.output()).toBe(shown)
  const right = await start({ API_KEYS: 'hunter2', TIMEOUT: '10s' })
  expect(await right.exit).toBe(0)
  expect(right.output()).toContain('API_KEYS=[set]')
  expect(wrong.output() + right.output()).not.toContain('hunter2')
}

export const shutdownProbe: Probe = async ({ start }) => {
  const program = await start()
  expect((await askUntilThere(at)).text).toBe('hello')
  expect((await askUntilThere('http://127.0.0.1:8081/ready')).status).toBe(200)
  program.signal('SIGTERM')
  await untilStatus('http://127.0.0.1:8081/ready', 503)
  // The grace: load balancers have not noticed yet.
  expect((await ask(at)).text).toBe('hello')
  expect(await program.exit).toBe(0)
}

export const workersProbe: Probe = async ({ start, folder }) => {
  const program = await start()
  await askUntilThere(at)
  /** Connections go to the workers in turn. */
  async function bothAnswer() {
    const seen = new Set<string>()
    const all = async () => [...seen.add((await ask(at)).text)].sort()
    await expect.poll(all, { interval: 10, timeout: 30_000 }).toEqual(['worker 1\n', 'worker 2\n'])
  }
  await bothAnswer()
  const before = await childrenOf(program.pid, folder)
  process.kill(before[0] ?? 0, 'SIGKILL')
  const added = async () =>
    (await childrenOf(program.pid, folder)).filter((pid) => !before.includes(pid))
  await expect.poll(added, { interval: 100, timeout: 30_000 }).toHaveLength(1)
  await bothAnswer()
  await program.says(/^1: \d+, 2: \d+$/m)
  program.signal('SIGTERM')
  expect(await program.exit).toBe(0)
}

async function childrenOf(parent: number, folder: string): Promise<number[]> {
  const lines = (await must('ps', ['-A', '-o', 'pid=,ppid='], folder)).trim().split('\n')
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number))
  return pairs.flatMap(([pid = 0, ppid]) => (ppid === parent ? [pid] : []))
}

export const resilienceProbe: Probe = async ({ start }) => {
  const program = await start()
  let failures = 0
  const close = await serve(5000, (req, res) => {
    if (req.method === 'HEAD') return res.end()
    if (failures++ < 1) return req.socket.destroy()
    return res.end('{"euros":12}')
  })
  try {
    const answer = await rpc('tools/call')
    expect(answer.json()).toEqual({ balance: { euros: 12 } })
    // The first attempt was cut off.
    expect(failures).toBe(2)
    expect(program.output()).toContain('"retry"')
    const bad = await rpc('tools/call', {}, { 'x-request-timeout-ms': 'soon' })
    expect([bad.status, bad.json().error.code]).toEqual([400, 400])
  } finally {
    await close()
  }
}

export const redisProbe: Probe = async ({ start }) => {
  const redis = await redisServer()
  try {
    await redis.command('SET', 'note', 'of a probe')
    const first = await start({ REDIS_URL: redis.url })
    // Nothing waits for Redis, and it may not be connected yet.
    await expect.poll(note, { timeout: 30_000 }).toBe('{"note":"of a probe"}')
    // A key lasts until its quota is whole; after one request that is at once.
    const batch = Array.from({ length: 100 }, (_, id) => ({ jsonrpc: '2.0', id, method: 'ping' }))
    const headers = { 'content-type': 'application/json' }
    const counted = async () => {
      await ask(`${at}mcp`, { method: 'POST', headers, body: JSON.stringify(batch) })
      return redis.command('KEYS', 'mcp:limit:*')
    }
    await expect.poll(counted, { timeout: 30_000 }).toHaveLength(1)
    const keys = await counted()
    first.signal('SIGTERM')
    expect(await first.exit).toBe(0)
    // Another process counts the same caller in the same place.
    await redis.command('FLUSHALL')
    const second = await start({ REDIS_URL: redis.url })
    await expect.poll(note, { timeout: 30_000 }).toBe('{"note":null}')
    await expect.poll(counted, { timeout: 30_000 }).toEqual(keys)
    await redis.stop()
    expect((await rpc('ping')).status).toBe(500)
    expect(await second.says('limits are counted here')).not.toContain(redis.password)
  } finally {
    await redis.close()
  }
}

async function note(): Promise<string> {
  return (await rpc('ping')).text
}
