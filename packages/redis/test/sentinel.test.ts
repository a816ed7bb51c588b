import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { hasRedis } from './support/components.js'
import { charge, opened, openedMeters } from './support/opened.js'
import { openedBus, updated } from './support/opened-bus.js'
import { type RedisServer, redisServer } from './support/redis-server.js'

const MASTER = 'the-master'
const SENTINEL_PASSWORD = 'of-the-sentinel'
const password = 'of-the-servers'
const servers: RedisServer[] = []
afterAll(() => Promise.all(servers.map((server) => server.close())))

async function sentinelSetup() {
  const master = await redisServer({ password })
  const replica = await redisServer({
    password,
    settings: { replicaof: `127.0.0.1 ${master.port}`, 'repl-diskless-sync-delay': '0' },
  })
  const sentinel = await redisServer({
    isSentinel: true,
    client: { password: SENTINEL_PASSWORD },
    settings: {
      requirepass: SENTINEL_PASSWORD,
      [`sentinel monitor ${MASTER}`]: `127.0.0.1 ${master.port} 1`,
      [`sentinel auth-pass ${MASTER}`]: password,
      [`sentinel down-after-milliseconds ${MASTER}`]: '1000',
      [`sentinel failover-timeout ${MASTER}`]: '5000',
    },
  })
  servers.push(sentinel, replica, master)
  const url = `redis+sentinel://:${password}@127.0.0.1:1,127.0.0.1:${sentinel.port}/${MASTER}`
  return { master, replica, sentinel, url }
}

const setup = hasRedis ? await sentinelSetup() : undefined
const roleOf = (server?: RedisServer) => server?.command('ROLE').then((role) => String(role))

describe.skipIf(!setup)('a master that Sentinels name', { timeout: 120_000 }, () => {
  const url = setup?.url ?? ''
  beforeAll(async () => {
    const known = () => setup?.sentinel.command('SENTINEL', 'REPLICAS', MASTER).then(String)
    await vi.waitUntil(async () => (await known())?.includes('master-link-status,ok'), 30_000)
  }, 40_000)
  const sentinel = { password: SENTINEL_PASSWORD }

  it('is not found with a wrong password, which is not told', async () => {
    const { redis, lines } = opened(url, { sentinel: { password: 'hunter2' } })
    await expect.poll(() => lines.join(), { timeout: 10_000 }).toContain('WRONGPASS')
    await expect(redis.check()).rejects.toThrow('All sentinels are unreachable')
    expect(lines.join()).not.toContain('hunter2')
    const started = performance.now()
    await redis.close()
    expect(performance.now() - started).toBeLessThan(4_000)
  })

  it('dies, limits are local, and shared again by the one that follows it', async () => {
    const one = await openedMeters(url, {}, { sentinel, commandTimeoutMs: 500 })
    const [publisher, bus] = [
      await openedBus(url, {}, { sentinel, commandTimeoutMs: 500 }),
      await openedBus(url, {}, { sentinel, commandTimeoutMs: 500 }),
    ]
    publisher.bus.publish(updated('note://before'))
    await expect.poll(bus.said, { timeout: 10_000 }).toEqual(['note://before'])
    expect(one.redis.kind).toBe('sentinel')
    const take = (units: number) => one.meters.charge([charge('user', units, 10, 3_600_000)])
    expect(await take(4)).toMatchObject([{ allowed: true, remaining: 6 }])
    await expect.poll(() => setup?.replica.command('DBSIZE'), { timeout: 10_000 }).toBe(2)
    await setup?.master.stop()
    publisher.bus.publish(updated('note://meanwhile'))
    const started = performance.now()
    expect(await take(3)).toMatchObject([{ allowed: true, remaining: 2 }])
    expect(performance.now() - started).toBeLessThan(1_000)
    await expect.poll(() => one.meters.state().away, { timeout: 60_000 }).toBe(false)
    expect(await roleOf(setup?.replica)).toContain('master')
    // What the old master knew was copied.
    expect(await take(6)).toMatchObject([{ allowed: true, remaining: 0 }])
    expect(await take(1)).toMatchObject([{ allowed: false }])
    // The follower may lack what the old master had taken, and what waited is there.
    await expect.poll(bus.said, { timeout: 30_000 }).toContain('note://meanwhile')
    await expect.poll(bus.said, { timeout: 30_000 }).toContain('tools_list_changed')
    expect(bus.gaps).toEqual(['another Redis answers, or it was started anew'])
  })
})
