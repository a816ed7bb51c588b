import { inspect } from 'node:util'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { connectRedis, RedisError } from '../src/index.js'
import { hasRedis } from './support/components.js'
import { opened, ready } from './support/opened.js'
import { redisServer } from './support/redis-server.js'

const server = hasRedis ? await redisServer() : undefined
afterAll(() => server?.close())
const url = server?.url ?? ''
const command = async (name: string, ...words: (string | number)[]) =>
  server?.command(name, ...words)
const fast = { connectTimeoutMs: 1_000, commandTimeoutMs: 500 }

async function expectAway({ redis }: ReturnType<typeof opened>) {
  const started = performance.now()
  for (let i = 0; i < 100; i++) {
    await expect(redis.use((client) => client.get('a'))).rejects.toThrow(RedisError)
  }
  expect(performance.now() - started).toBeLessThan(5_000)
  expect(redis.state()).toEqual({ size: 0, idle: 0, waiting: 0, max: 1 })
}

describe.skipIf(!server)('the connection', { timeout: 60_000 }, () => {
  it('works, and shows how many wait', async () => {
    const { redis } = opened(url, { connectionName: 'the-test' })
    await ready(redis)
    expect(redis.kind).toBe('server')
    expect(redis.state()).toEqual({ size: 1, idle: 1, waiting: 0, max: 1 })
    const set = redis.use((client) => client.set('a', 'b'))
    expect(redis.state()).toEqual({ size: 1, idle: 0, waiting: 1, max: 1 })
    expect(await set).toBe('OK')
    expect(String(await command('CLIENT', 'LIST'))).toContain('name=the-test')
  })

  it('has a copy for what blocks, with bounds of its own, which does not hold up the end', async () => {
    const { redis, lines } = opened(url, fast)
    await ready(redis)
    expect(() => redis.duplicate({ blockMs: 0 })).toThrow('blockMs must be')
    const copy = redis.duplicate({ blockMs: 1_000 })
    await ready(copy)
    // Longer than a command may take, and not as long as it may block.
    expect(await copy.use((client) => client.blpop('nothing', 0.8))).toBeNull()
    const tooLong = copy.use((client) => client.blpop('nothing', 0))
    await expect(tooLong).rejects.toThrow('timed out')
    const blocked = copy.use((client) => client.blpop('nothing', 0)).catch(String)
    const started = performance.now()
    await copy.close()
    expect(await blocked).toContain('closed')
    expect(performance.now() - started).toBeLessThan(500)
    expect(await redis.use((client) => client.ping())).toBe('PONG')
    expect(lines).toEqual([])
  })

  it('is lost and comes back, which is logged once each', async () => {
    const one = opened(url, fast)
    await ready(one.redis)
    await server?.stop()
    await expect.poll(() => one.redis.state().size).toBe(0)
    await expectAway(one)
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    await server?.start()
    await ready(one.redis)
    const told = one.lines.filter((line) => !line.startsWith('debug'))
    expect(told).toHaveLength(2)
    expect(told[0]).toMatch(/^warn redis connection lost .*ECONNREFUSED/)
    expect(told[1]).toMatch(/^info redis connection is back/)
  })

  it('is not answered: what waits fails in time, no more than so many wait, and it comes back', async () => {
    const one = opened(url, { ...fast, maxPending: 20 })
    await ready(one.redis)
    server?.pause()
    const started = performance.now()
    const waiting = Array.from({ length: 20 }, () =>
      one.redis.use((client) => client.get('a')).catch(String),
    )
    await expect(one.redis.check()).rejects.toThrow('20 others wait for Redis already')
    for (const outcome of await Promise.all(waiting)) expect(outcome).toContain('timed out')
    expect(performance.now() - started).toBeLessThan(5_000)
    await expect.poll(() => one.redis.state().size, { timeout: 10_000 }).toBe(0)
    await expectAway(one)
    server?.resume()
    await ready(one.redis)
  })

  it('was accepted by a server that is not there any more: nothing is done twice', async () => {
    const { redis } = opened(url, fast)
    await ready(redis)
    await command('DEL', 'count')
    server?.pause()
    const increments = Array.from({ length: 5 }, () =>
      redis.use((client) => client.incr('count')).catch(String),
    )
    const outcomes = await Promise.all(increments)
    await expect.poll(() => redis.state().size, { timeout: 10_000 }).toBe(0)
    server?.resume()
    await ready(redis)
    expect(outcomes.every((outcome) => String(outcome).includes('timed out'))).toBe(true)
    expect(Number(await command('GET', 'count'))).toBeLessThanOrEqual(5)
  })

  it('finds all connections taken, and comes when one is free', async () => {
    const others: Redis[] = []
    onTestFinished(async () => {
      for (const client of others) client.disconnect()
      await command('CONFIG', 'SET', 'maxclients', '1000')
    })
    const keeper = new Redis(url)
    others.push(keeper)
    await keeper.call('CONFIG', 'SET', 'maxclients', '1')
    const late = opened(url, fast)
    await expect.poll(() => late.lines.join(), { timeout: 10_000 }).toContain('connection lost')
    await expect(late.redis.check()).rejects.toThrow(RedisError)
    await keeper.call('CONFIG', 'SET', 'maxclients', '1000')
    await ready(late.redis)
  })

  it('leads to a replica after a while: the name is asked again', async () => {
    const { redis } = opened(url, fast)
    await ready(redis)
    onTestFinished(async () => void (await command('REPLICAOF', 'NO', 'ONE')))
    const idOf = async () => (await redis.use((client) => client.call('CLIENT', 'ID'))) as number
    const before = await idOf()
    await command('REPLICAOF', '127.0.0.1', 1)
    await expect(redis.use((client) => client.set('a', 'b'))).rejects.toThrow(/READONLY/)
    await command('REPLICAOF', 'NO', 'ONE')
    await ready(redis)
    expect(await idOf()).toBeGreaterThan(before)
  })

  it('tells an outage from a wrong command, and shows no value of either', async () => {
    const { redis, lines } = opened(url, fast)
    await ready(redis)
    onTestFinished(async () => void (await command('CONFIG', 'SET', 'maxmemory', '0')))
    await command('CONFIG', 'SET', 'maxmemory', '1')
    const full = await redis.use((client) => client.set('a', 'hunter2')).catch((error) => error)
    expect(full).toBeInstanceOf(RedisError)
    expect(full).toMatchObject({ code: 'ERR_REDIS_UNAVAILABLE' })
    await command('CONFIG', 'SET', 'maxmemory', '0')
    const wrong = await redis
      .use((client) => client.eval('return hunter', 1, 'hunter2'))
      .catch((error) => error)
    expect(wrong).not.toBeInstanceOf(RedisError)
    expect(inspect([full, wrong, lines], { depth: 9 })).not.toContain('hunter2')
  })

  it('ends at once where Redis is away or does not answer', async () => {
    for (const fail of [() => {}, () => server?.pause(), () => server?.stop()]) {
      const redis = connectRedis(url, fast)
      await ready(redis)
      await fail()
      const started = performance.now()
      await redis.close()
      expect(performance.now() - started).toBeLessThan(4_000)
      await expect(redis.check()).rejects.toThrow(RedisError)
      server?.resume()
    }
    await server?.start()
  })

  it('to nobody says why, though the error of several addresses has no message', async () => {
    const { redis, lines } = opened('redis://localhost:1', fast)
    await expect.poll(() => lines.join(), { timeout: 10_000 }).toContain('ECONNREFUSED')
    await expect(redis.check()).rejects.toThrow('ECONNREFUSED')
  })
})

describe.skipIf(!server)('a password', { timeout: 30_000 }, () => {
  it('is in no log and no error, right or wrong', async () => {
    const right = opened(url, fast)
    await ready(right.redis)
    const wrong = opened(url.replace(/:[^:@]+@/, ':hunter2@'), fast)
    await expect.poll(() => wrong.lines.join(), { timeout: 10_000 }).toContain('WRONGPASS')
    const error = await wrong.redis.check().catch((error: Error) => error)
    expect(error).toMatchObject({ message: expect.stringContaining('WRONGPASS') })
    const none = opened(url.replace(/\/\/.*@/, '//'), fast)
    await expect.poll(() => none.lines.join(), { timeout: 10_000 }).toContain('NOAUTH')
    const told = inspect([error, right.lines, wrong.lines, right.redis, wrong.redis], { depth: 9 })
    for (const secret of ['hunter2', server?.password ?? '']) expect(told).not.toContain(secret)
  })

  it('of a user of the ACL is used, with a user that has percent-encoded characters', async () => {
    await command('ACL', 'SETUSER', 'a:b', 'on', '>p@ss/word', '~mcp:limit:*', '+@all')
    const user = url.replace(/\/\/.*@/, '//a%3Ab:p%40ss%2Fword@')
    const { redis } = opened(user, fast)
    await ready(redis)
    expect(await redis.use((client) => client.call('ACL', 'WHOAMI'))).toBe('a:b')
  })
})
