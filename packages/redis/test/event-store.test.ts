import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import {
  type ConnectOptions,
  RedisError,
  type RedisEventStoreOptions,
  redisEventStore,
} from '../src/index.js'
import { hasRedis } from './support/components.js'
import { opened, ready } from './support/opened.js'
import { redisServer } from './support/redis-server.js'

const server = hasRedis ? await redisServer() : undefined
afterAll(() => server?.close())
const url = server?.url ?? ''
const command = async (name: string, ...words: (string | number)[]) =>
  server?.command(name, ...words)
afterEach(async () => {
  server?.resume()
  await command('FLUSHALL')
})

const sessionOf = (name: string) => createHash('sha256').update(name).digest('hex')
const [alice, bob] = [sessionOf('alice'), sessionOf('bob')]
const event = (seq: number, text = 'hello') => ({
  seq,
  data: JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { seq, text } }),
})
const seqsOf = (events: readonly { seq: number }[]) => events.map(({ seq }) => seq)
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const keysOf = async () => ((await command('KEYS', '*')) as string[]).sort()
const listOf = async () => (await keysOf()).find((key) => !/:(index|sizes)$/.test(key)) ?? ''

async function openedStore(options: RedisEventStoreOptions = {}, connect: ConnectOptions = {}) {
  const { redis } = opened(url, connect)
  await ready(redis)
  return redisEventStore(redis, options)
}

describe.skipIf(!server)('events of a session', { timeout: 30_000 }, () => {
  it('are read from any replica: those of the stream that came after', async () => {
    const [one, two] = [await openedStore(), await openedStore()]
    for (let seq = 1; seq <= 5; seq++) await one.append(alice, 1, event(seq))
    await one.append(alice, 2, event(1, 'of another stream'))
    await one.append(bob, 1, event(9, 'of another session'))
    expect(await two.read(alice, 1, 2)).toEqual([event(3), event(4), event(5)])
    expect(await two.read(alice, 1, 5)).toEqual([])
    expect(await two.read(alice, 2, 0)).toEqual([event(1, 'of another stream')])
    expect(await two.read(alice, 12, 0)).toEqual([])
    expect(await two.read(sessionOf('nobody'), 1, 0)).toEqual([])
    expect(one.state()).toMatchObject({ events: 7, ignored: 0 })
    expect(one.state().bytes).toBeGreaterThan(7 * 100)
  })

  it('are known to Redis by a hash alone, and gone with their session', async () => {
    const store = await openedStore()
    await store.append(alice, 1, event(1))
    await store.append(bob, 1, event(1))
    for (const key of await keysOf())
      expect(key).toMatch(/^mcp:session:\{events\}:([\w-]{22}|index|sizes)$/)
    expect((await keysOf()).join()).not.toContain(alice)
    await store.drop(alice)
    expect(await store.read(alice, 1, 0)).toEqual([])
    expect(await store.read(bob, 1, 0)).toEqual([event(1)])
    await store.drop(bob)
    await store.drop(bob)
    expect(store.state()).toEqual({ events: 0, bytes: 0, ignored: 0 })
    expect(await keysOf()).toEqual(['mcp:session:{events}:sizes'])
  })

  it('are one round trip each, without a script that was forgotten as well', async () => {
    const store = await openedStore()
    await store.append(alice, 1, event(1))
    await store.read(alice, 1, 0)
    await command('CONFIG', 'RESETSTAT')
    await store.append(alice, 1, event(2))
    await store.read(alice, 1, 0)
    const stats = String(await command('INFO', 'commandstats'))
    expect(stats).toMatch(/cmdstat_evalsha:calls=2,/)
    await command('SCRIPT', 'FLUSH')
    await store.append(alice, 1, event(3))
    expect(seqsOf(await store.read(alice, 1, 0))).toEqual([1, 2, 3])
  })

  it('are so many at most, the newest', async () => {
    const store = await openedStore({ maxEventsPerSession: 10 })
    await Promise.all(Array.from({ length: 50 }, (_, i) => store.append(alice, i % 2, event(i))))
    const kept = [...(await store.read(alice, 0, 0)), ...(await store.read(alice, 1, 0))]
    expect(seqsOf(kept).sort((a, b) => a - b)).toEqual([40, 41, 42, 43, 44, 45, 46, 47, 48, 49])
    expect(store.state().events).toBe(10)
  })

  it('are so many bytes at most, and one that is more is not kept', async () => {
    const store = await openedStore({ maxBytesPerSession: 10_000 })
    for (let seq = 1; seq <= 20; seq++) {
      await store.append(alice, 1, event(seq, 'ä'.repeat(500)))
      expect(store.state().bytes).toBeLessThanOrEqual(10_000)
    }
    const kept = await store.read(alice, 1, 0)
    expect(seqsOf(kept)).toEqual([13, 14, 15, 16, 17, 18, 19, 20])
    await expect(store.append(alice, 1, event(21, 'x'.repeat(10_000)))).rejects.toThrow(
      'is more than a session may have',
    )
    expect(await store.read(alice, 1, 0)).toEqual(kept)
    const usage = Number(await command('MEMORY', 'USAGE', await listOf()))
    expect(usage).toBeLessThan(20_000)
  })

  it('of all sessions are so many bytes at most: who was silent for longest gives way', async () => {
    const store = await openedStore({ maxBytes: 20_000 })
    const sessions = Array.from({ length: 30 }, (_, i) => sessionOf(`session ${i}`))
    for (const session of sessions) {
      for (const seq of [1, 2]) await store.append(session, 1, event(seq, 'x'.repeat(500)))
      // The first one speaks all the while.
      if (session !== sessions[0]) await store.append(sessions[0] ?? '', 1, event(1, ''))
      await pause(2)
      expect(store.state().bytes).toBeLessThanOrEqual(20_000)
    }
    const kept = await Promise.all(sessions.map((session) => store.read(session, 1, 0)))
    expect(kept[0]?.length).toBeGreaterThan(0)
    expect(kept[1]).toEqual([])
    expect(kept.at(-1)).toHaveLength(2)
    // The sums are those of what is there.
    expect(kept.flat()).toHaveLength(store.state().events)
    for (const session of sessions) await store.drop(session)
    expect(store.state()).toMatchObject({ events: 0, bytes: 0 })
  })

  it('are kept so long, each of them, and nothing is left in the end', async () => {
    const store = await openedStore({ maxAgeMs: 600 })
    await store.append(bob, 1, event(1))
    for (let seq = 1; seq <= 10; seq++) {
      await store.append(alice, 1, event(seq))
      await pause(150)
    }
    const kept = seqsOf(await store.read(alice, 1, 0))
    // The session was never silent for so long.
    expect(kept.length).toBeLessThanOrEqual(4)
    expect(kept.at(-1)).toBe(10)
    expect(store.state().events).toBeLessThanOrEqual(5)
    await expect.poll(keysOf, { timeout: 10_000 }).toEqual([])
  })
})

describe.skipIf(!server)('while Redis', { timeout: 60_000 }, () => {
  it('does not answer, all fails in time, and no more than so much waits', async () => {
    const store = await openedStore({ timeoutMs: 300 })
    await store.append(alice, 1, event(1))
    server?.pause()
    const started = performance.now()
    await expect(store.read(alice, 1, 0)).rejects.toThrow('no answer within 300 ms')
    // Nobody looks at these, and the process goes on.
    for (let i = 0; i < 100; i++) void store.append(bob, 1, event(i, 'x'.repeat(500_000)))
    await expect(store.append(bob, 1, event(2, 'x'.repeat(500_000)))).rejects.toThrow(
      /^\d{8} bytes of events wait for Redis already/,
    )
    await expect(store.read(alice, 1, 0)).rejects.toThrow(RedisError)
    // Not alice: Redis may find the command in its socket when it wakes, and do it then.
    await expect(store.drop(randomUUID())).rejects.toThrow(RedisError)
    expect(performance.now() - started).toBeLessThan(5_000)
    server?.resume()
    await expect
      .poll(() => store.read(alice, 1, 0).catch(() => []), { timeout: 20_000 })
      .toContainEqual(event(1))
    await store.append(bob, 1, event(200))
    expect(seqsOf(await store.read(bob, 1, 0)).at(-1)).toBe(200)
  })

  it('is killed and started anew, what was kept is gone and the rest is kept', async () => {
    const store = await openedStore()
    await store.append(alice, 1, event(1))
    await server?.stop()
    await expect(store.append(alice, 1, event(2))).rejects.toMatchObject({
      code: 'ERR_REDIS_UNAVAILABLE',
    })
    await server?.start()
    await expect
      .poll(() => store.append(alice, 1, event(3)).then(() => 'kept', String), { timeout: 20_000 })
      .toBe('kept')
    expect(seqsOf(await store.read(alice, 1, 0))).toEqual([3])
    expect(store.state().events).toBe(1)
  })

  it('has lost one of the keys, the sums are right again', async () => {
    const store = await openedStore()
    for (let seq = 1; seq <= 5; seq++) await store.append(alice, 1, event(seq))
    await command('DEL', await listOf())
    await store.append(alice, 1, event(6))
    expect(store.state().events).toBe(1)
    expect(store.state().bytes).toBeLessThan(400)
    await command('DEL', 'mcp:session:{events}:sizes')
    await store.append(alice, 1, event(7))
    await store.drop(alice)
    expect(store.state()).toMatchObject({ events: 0, bytes: 0 })
  })
})

describe.skipIf(!server)('who can write to Redis', { timeout: 30_000 }, () => {
  const forged = JSON.stringify({ jsonrpc: '2.0', method: 'forged' })

  it('cannot break out of an event, nor make it larger than a session may have', async () => {
    const store = await openedStore({ maxEventsPerSession: 20, maxBytesPerSession: 10_000 })
    await store.append(alice, 1, event(1))
    const list = await listOf()
    const push = (value: string) => command('RPUSH', list, value)
    const now = Date.now()
    await push('garbage')
    await push(`${now} 1 2 no JSON`)
    await push(`${now} 1 3 {"a":\n\n"data: 1"}`)
    await push(`${now} 1 4 "text"`)
    await push(`${now} 1 99999999999999999999 {}`)
    await push(`${now} 1 -5 {}`)
    await push(`${now} 1 6 ${JSON.stringify({ text: 'x'.repeat(1_000_000) })}`)
    expect(await store.read(alice, 1, 0)).toEqual([event(1)])
    expect(store.state().ignored).toBe(4)
    for (let i = 0; i < 100; i++) await push(`${now} 1 ${i} {}`)
    expect((await store.read(alice, 1, 0)).length).toBeLessThanOrEqual(20)
    // The next one puts it in order.
    await store.append(alice, 1, event(200))
    expect(Number(await command('LLEN', list))).toBeLessThanOrEqual(20)
    await command('DEL', list)
    await command('SET', list, 'text')
    await expect(store.read(alice, 1, 0)).rejects.toThrow('WRONGTYPE')
    await expect(store.append(alice, 1, event(2))).rejects.toThrow('WRONGTYPE')
  })

  it('reads and forges messages without keys, but none with them', async () => {
    const key = randomBytes(32)
    const store = await openedStore({ encryptionKeys: [key] })
    await store.append(alice, 1, event(1, 'a secret'))
    await store.append(alice, 1, event(2, 'a secret'))
    await store.append(bob, 1, event(3, 'of bob'))
    const list = await listOf()
    const values = (await command('LRANGE', list, 0, -1)) as string[]
    expect(values.join()).not.toContain('secret')
    expect(await store.read(alice, 1, 0)).toEqual([event(1, 'a secret'), event(2, 'a secret')])

    const found = ((await keysOf()) as string[]).filter((name) => !/:(index|sizes)$/.test(name))
    const [first = '', second = ''] = found
    const of = async (name: string) => (await command('LRANGE', name, 0, -1)) as string[]
    const sealed = (await of(first))[0] ?? ''
    const [at, , , text = ''] = sealed.split(' ')
    const flipped = text.slice(0, -6) + (text.at(-6) === 'A' ? 'B' : 'A') + text.slice(-5)
    for (const name of [first, second]) {
      // In the clear, in another place, with another number, cut off, with a bit changed.
      await command('RPUSH', name, `${at} 1 10 ${forged}`)
      await command('RPUSH', name, `${at} 1 11 ${text}`)
      await command('RPUSH', name, `${at} 2 1 ${text}`)
      await command('RPUSH', name, `${at} 1 12 v1.AAAA`)
      await command('RPUSH', name, `${at} 1 1 ${flipped}`)
    }
    // As it is, in another session.
    await command('RPUSH', second, sealed)
    const read = [...(await store.read(alice, 1, 0)), ...(await store.read(alice, 2, 0))]
    expect(read.filter(({ data }) => !data.includes('a secret'))).toEqual([])
    const ofBob = [...(await store.read(bob, 1, 0)), ...(await store.read(bob, 2, 0))]
    expect(ofBob).toEqual([event(3, 'of bob')])
    expect(store.state().ignored).toBe(11)
  })
})

it.skipIf(!server)(
  'keys are rotated: the first encrypts, all decrypt',
  async () => {
    const [older, newer] = ['the older key '.repeat(3), 'the newer key '.repeat(3)]
    const before = await openedStore({ encryptionKeys: [older] })
    const between = await openedStore({ encryptionKeys: [newer, older] })
    const after = await openedStore({ encryptionKeys: [newer] })
    await before.append(alice, 1, event(1))
    await between.append(alice, 1, event(2))
    expect(seqsOf(await between.read(alice, 1, 0))).toEqual([1, 2])
    expect(seqsOf(await after.read(alice, 1, 0))).toEqual([2])
    expect(seqsOf(await before.read(alice, 1, 0))).toEqual([1])
    expect(after.state().ignored).toBe(1)
    const plain = await openedStore()
    expect(await plain.read(alice, 1, 0)).toEqual([])
  },
  30_000,
)
