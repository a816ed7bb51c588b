import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { generateApiKey, hashApiKey } from '@mcp-prod/auth'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { command, redisServer } from '../templates/+redis/test/support/redis-server.js'
import { callNumbers, isMean2, mcpRequest } from './support/faults/call.js'
import { missing } from './support/faults/components.js'
import { hammer, passed } from './support/limits/hammer.js'
import { type Project, writeServer } from './support/project.js'
import type { Balancer } from './support/rolling/balancer.js'
import { endAll } from './support/rolling/child.js'
import { startHaproxy } from './support/rolling/haproxy.js'
import { fixedPorts } from './support/rolling/ports.js'
import { type Ports, startReplica } from './support/rolling/replica.js'

const cannot =
  missing('haproxy', ['haproxy', '-v']) ?? missing('redis-server', ['redis-server', '--version'])
const CLIENTS = 20
const TOOL_LIMIT = 300
/** Of somebody else. */
const { key: OTHER_KEY } = generateApiKey('other')

let project: Project
let redis: NonNullable<Awaited<ReturnType<typeof redisServer>>>
let balancer: Balancer | undefined

beforeAll(async () => {
  if (cannot) return
  const limited = (text: string) =>
    text.replace(/^ {2}scopes:/m, `  limitPerMinute: ${TOOL_LIMIT},\n  scopes:`)
  project = await writeServer(
    'limits-shared',
    { redis: true },
    { 'src/tools/summarize-numbers.ts': limited },
  )
  const server = await redisServer()
  if (server) redis = server
})
afterEach(async () => {
  await balancer?.stop()
  balancer = undefined
  await endAll()
  await command(redis.url, 'FLUSHALL')
})
afterAll(() => redis?.close())

/** Two replicas on one Redis behind HAProxy. */
async function replicas(env: Record<string, string>) {
  const [port = 0, adminPort = 0, otherPort = 0, otherAdminPort = 0] = await fixedPorts(4)
  const ports: Record<'a' | 'b', Ports> = {
    a: { port, adminPort },
    b: { port: otherPort, adminPort: otherAdminPort },
  }
  const entry = (id: string, key: string) => ({
    id,
    hash: hashApiKey(key),
    principal: id,
    scopes: ['stats:read'],
  })
  const settings = {
    REDIS_URL: redis.url,
    API_KEYS: JSON.stringify([entry('dev', project.key), entry('other', OTHER_KEY)]),
    ...env,
  }
  const told: string[] = []
  for (const name of ['a', 'b'] as const) {
    const { lines } = await startReplica(project, name, ports[name], settings)
    told.push(...lines)
    await warmUp(ports[name].port)
  }
  balancer = await startHaproxy(ports)
  const admins = [adminPort, otherAdminPort].map((port) => `http://127.0.0.1:${port}`)
  return {
    /** What they logged until they were ready. */
    told,
    url: balancer.url,
    key: project.key,
    ready: () => Promise.all(admins.map(async (url) => (await fetch(`${url}/ready`)).status)),
    /** A series of both of them, and how it is labelled. */
    series: (name: string) =>
      Promise.all(
        admins.map(async (url) => {
          const text = await (await fetch(`${url}/metrics`)).text()
          return Number(new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1])
        }),
      ),
  }
}

/** A process that has just started answers its first calls so slowly that Redis may seem slow to it: by somebody else, from elsewhere. */
async function warmUp(port: number): Promise<void> {
  const { headers, body } = mcpRequest(OTHER_KEY, 'tools/call', {
    name: 'summarize_numbers',
    arguments: { numbers: [1, 2, 3] },
  })
  for (let i = 0; i < 15; i++) {
    const call = () =>
      fetch(`http://127.0.0.1:${port}/mcp`, {
        method: 'POST',
        headers: { ...headers, 'X-Forwarded-For': '198.51.100.7' },
        body,
      })
    for (const response of await Promise.all([call(), call(), call(), call()]))
      expect(response.status).toBe(200)
  }
}

/** What a limit a minute lets through in so long: all of it at once, and from then on as fast as it comes back. */
const allowed = (limit: number, elapsedMs: number) => limit * (1 + elapsedMs / 60_000)

describe.skipIf(cannot)('two replicas on one Redis behind HAProxy', { timeout: 240_000 }, () => {
  it('start without a false alarm', async () => {
    const { told, series } = await replicas({})
    expect(told.join('\n')).toContain('"listening"')
    expect(told.filter((line) => /"level":"(warn|error)"/.test(line))).toEqual([])
    await expect.poll(() => series('mcp_limits_shared_up'), { timeout: 20_000 }).toEqual([1, 1])
  })

  it('start all the same where Redis takes connections and never answers', async () => {
    const silent = createServer((socket) => void socket.on('error', () => {}))
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    onTestFinished(() => void silent.close())
    const { port } = silent.address() as AddressInfo
    const { ready, key, url } = await replicas({
      REDIS_URL: `redis://127.0.0.1:${port}`,
      REDIS_CONNECT_TIMEOUT: '30s',
      STARTUP_TIMEOUT: '500ms',
    })
    expect(await ready()).toEqual([200, 200])
    expect(isMean2(await callNumbers({ url, key }))).toBe(true)
  })

  it.each([
    ['an address', 'ip', 200, { IP_LIMIT_PER_MINUTE: '200' }],
    ['a principal', 'principal', 200, { PRINCIPAL_LIMIT_PER_MINUTE: '200' }],
    ['a tool', 'tool', TOOL_LIMIT, {}],
  ])('let through what the limit of %s says, within 2 %', async (_, policy, limit, env) => {
    const server = await replicas(env)
    await expect
      .poll(() => server.series('mcp_limits_shared_up'), { timeout: 20_000 })
      .toEqual([1, 1])
    const local = await server.series('mcp_limits_local_decisions_total')
    const load = hammer(server, CLIENTS)
    await sleep(10_000)
    await load.stop()

    const { answers, failures } = load
    const lastMs = Math.max(...answers.map(({ atMs }) => atMs))
    const ratio = passed(answers) / allowed(limit, lastMs)
    expect(failures).toEqual([])
    // Otherwise this machine was too busy to ask Redis within 50 ms.
    expect(await server.series('mcp_limits_local_decisions_total')).toEqual(local)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 429]))
    expect(new Set(answers.map((answer) => answer.policy))).toEqual(new Set([undefined, policy]))
    expect(ratio).toBeGreaterThan(0.98)
    expect(ratio).toBeLessThan(1.02)
    // Whoever else comes is not limited, but for those of the same address.
    const other = await callNumbers({ url: server.url, key: OTHER_KEY })
    expect(other.status).toBe(policy === 'ip' ? 429 : 200)
    expect(isMean2(other)).toBe(policy !== 'ip')
    // No name of anybody is in Redis, and nothing stays there.
    const keys = (await command(redis.url, 'KEYS', '*')) as string[]
    expect(keys.length).toBeGreaterThan(0)
    expect(keys.join()).not.toMatch(/dev|other|127\.0\.0|summarize/)
    for (const key of keys) expect(await command(redis.url, 'PTTL', key)).toBeGreaterThan(0)
  })

  it('answer no 5xx while Redis hangs and when it dies, allow their share, and come back', async () => {
    const limit = 240
    const server = await replicas({ PRINCIPAL_LIMIT_PER_MINUTE: String(limit) })
    const load = hammer(server, CLIENTS)
    await sleep(4_000)
    const outages = [
      { begin: () => redis.pause(), end: () => redis.resume(), forgets: false },
      { begin: () => redis.stop(), end: () => redis.start(), forgets: true },
    ]
    let most = 0
    for (const { begin, end, forgets } of outages) {
      await begin()
      await expect
        .poll(() => server.series('mcp_limits_shared_up'), { timeout: 20_000 })
        .toEqual([0, 0])
      const before = await server.series('mcp_limits_local_decisions_total')
      const awayMs = load.elapsedMs()
      await sleep(5_000)
      const after = await server.series('mcp_limits_local_decisions_total')
      for (const [i, count] of after.entries()) expect(count).toBeGreaterThan(before[i] ?? 0)
      expect(await server.ready()).toEqual([200, 200])
      await end()
      await expect
        .poll(() => server.series('mcp_limits_shared_up'), { timeout: 20_000 })
        .toEqual([1, 1])
      // Two replicas with half of the limit each.
      most += allowed(limit, load.elapsedMs() - awayMs) + (forgets ? limit : 0)
      await sleep(3_000)
    }
    // What the restarted Redis allowed anew is used up by now: the limit is that of both together again.
    const settled = load.answers.length
    const sinceMs = load.elapsedMs()
    await sleep(6_000)
    const late = load.answers.slice(settled)
    const lateMs = load.elapsedMs() - sinceMs
    await load.stop()

    const { answers, failures } = load
    expect(failures).toEqual([])
    expect(answers.find(({ status }) => status !== 200 && status !== 429)).toBeUndefined()
    expect(passed(answers)).toBeLessThan(allowed(limit, load.elapsedMs()) + most)
    expect(Math.abs(passed(late) - (limit * lateMs) / 60_000)).toBeLessThan(4)
    const took = answers.map(({ tookMs }) => tookMs).sort((a, b) => a - b)
    // 50 ms for the limit, and whatever else this machine does.
    expect(took[Math.floor(took.length * 0.99)]).toBeLessThan(1_000)
  })
})
