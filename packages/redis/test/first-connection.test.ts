import { createServer } from 'node:net'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { redisEventBus, redisMeters } from '../src/index.js'
import { hasRedis } from './support/components.js'
import { charge, opened } from './support/opened.js'
import { redisServer } from './support/redis-server.js'

const server = hasRedis ? await redisServer() : undefined
afterAll(() => server?.close())
const url = server?.url ?? ''

/** Takes connections and answers nothing, as a host behind a wrong firewall seems to. */
async function silentServer(): Promise<string> {
  const silent = createServer((socket) => void socket.on('error', () => {}))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void silent.close())
  const address = silent.address()
  return `redis://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}

async function tookMs(work: Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work
  return performance.now() - started
}

describe.skipIf(!server)('before it is known whether Redis is there', { timeout: 30_000 }, () => {
  it('work waits, and nobody is told that anything is away', async () => {
    const { redis, lines } = opened(url)
    const meters = redisMeters(redis, { share: 0 })
    const bus = redisEventBus(redis)
    onTestFinished(async () => {
      meters.close()
      await bus.close()
    })
    await Promise.all([redis.check(), bus.check()])
    await meters.check()
    expect(await meters.charge([charge('user', 1)])).toMatchObject([{ allowed: true }])
    expect(meters.state()).toEqual({ away: false, local: 0, timeouts: 0, errors: 0 })
    expect(bus.state()).toMatchObject({ connected: true })
    expect(lines).toEqual([])
  })

  it('no more waits than may', async () => {
    const { redis } = opened(url, { maxPending: 2 })
    const waiting = [redis.check(), redis.check()]
    await expect(redis.check()).rejects.toThrow('2 others wait for Redis already')
    await Promise.all(waiting)
    expect(redis.state()).toMatchObject({ waiting: 0 })
  })

  it('all learn of a refusal at once', async () => {
    const { redis } = opened('redis://127.0.0.1:1', { connectTimeoutMs: 20_000 })
    const bus = redisEventBus(redis)
    const outcome = Promise.allSettled([
      expect(redis.check()).rejects.toThrow('ECONNREFUSED'),
      expect(bus.check()).rejects.toThrow('ECONNREFUSED'),
    ])
    expect(await tookMs(outcome)).toBeLessThan(10_000)
    for (const { status } of await outcome) expect(status).toBe('fulfilled')
    await bus.close()
  })

  it.each([
    ['a server', (silent: string) => silent],
    ['Sentinels', (silent: string) => `${silent.replace('redis:', 'redis+sentinel:')}/name`],
    ['a Cluster', (silent: string) => silent.replace('redis:', 'redis+cluster:')],
  ])('nobody waits for longer than connecting may take: %s', async (_, urlOf) => {
    const { redis } = opened(urlOf(await silentServer()), { connectTimeoutMs: 300 })
    const failed = expect(redis.check()).rejects.toThrow('not connected')
    expect(await tookMs(failed)).toBeLessThan(5_000)
    expect(redis.state()).toMatchObject({ waiting: 0 })
  })

  it('it is closed, and nothing goes on waiting', async () => {
    const { redis } = opened(await silentServer(), { connectTimeoutMs: 20_000 })
    const bus = redisEventBus(redis)
    const waiting = Promise.allSettled([redis.check(), bus.check()])
    await bus.close()
    await redis.close()
    expect((await waiting).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })
})
