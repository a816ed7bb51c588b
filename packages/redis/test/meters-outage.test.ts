import { afterAll, afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { redisMeters } from '../src/index.js'
import { hasRedis } from './support/components.js'
import { charge, opened, openedMeters } from './support/opened.js'
import { redisServer } from './support/redis-server.js'

const server = hasRedis ? await redisServer() : undefined
afterAll(() => server?.close())
const url = server?.url ?? ''
const command = async (name: string, ...words: (string | number)[]) =>
  server?.command(name, ...words)
/** More than the deadline, for a machine that is busy with other things as well. */
const BOUND_MS = 1_000
const HOUR_MS = 3_600_000

type Opened = Awaited<ReturnType<typeof openedMeters>>

afterEach(async () => {
  server?.resume()
  await command('FLUSHALL')
})

const backAgain = ({ meters }: Opened) =>
  expect.poll(() => meters.state().away, { timeout: 20_000, interval: 20 }).toBe(false)

async function passedOf({ meters }: Opened, key: string, count: number): Promise<number> {
  let passed = 0
  for (let i = 0; i < count; i++) {
    const [reading] = await meters.charge([charge(key, 1, 10, HOUR_MS)])
    if (reading?.allowed) passed++
  }
  return passed
}

// Again where it fails: a busy machine may be slower than the deadline when nothing is wrong.
const retry = 2

describe.skipIf(!server)('while Redis', { timeout: 60_000, retry }, () => {
  it('does not answer, what is asked waits no longer than its time, and then not at all', async () => {
    const one = await openedMeters(url)
    expect(await passedOf(one, 'before', 1)).toBe(1)
    server?.pause()
    const started = performance.now()
    const inFlight = await Promise.all(
      Array.from({ length: 100 }, () => one.meters.charge([charge('user', 1, 10, HOUR_MS)])),
    )
    expect(performance.now() - started).toBeLessThan(BOUND_MS)
    // Half of the limit, in this process.
    expect(inFlight.filter(([reading]) => reading?.allowed)).toHaveLength(5)
    const again = performance.now()
    expect(await passedOf(one, 'other', 1_000)).toBe(5)
    // A thousand that wait 50 ms each would take 50 s.
    expect(performance.now() - again).toBeLessThan(10_000)
    expect(one.meters.state()).toMatchObject({ away: true, timeouts: 100, local: 1_100 })
    expect(Math.abs((one.meters.state().since ?? 0) - Date.now())).toBeLessThan(30_000)
    await expect(one.meters.check()).rejects.toThrow('limits are not shared: no answer within 50')
    server?.resume()
    await backAgain(one)
    await one.meters.check()
    expect(one.changes).toEqual(['away: no answer within 50 ms', 'back'])
    // What has been used in Redis still is.
    expect(await passedOf(one, 'before', 20)).toBe(9)
  })

  it('is killed and started anew, without its scripts, limits are local and shared again', async () => {
    const [one, two] = [await openedMeters(url), await openedMeters(url, { share: 0.2 })]
    expect(await passedOf(one, 'user', 3)).toBe(3)
    await server?.stop()
    expect(await passedOf(one, 'user', 20)).toBe(5)
    expect(await passedOf(two, 'user', 20)).toBe(2)
    expect(one.meters.state()).toMatchObject({ away: true, errors: 1, timeouts: 0 })
    await server?.start()
    await backAgain(one)
    await backAgain(two)
    // Together again; Redis has forgotten, as it keeps nothing on disk.
    expect((await passedOf(one, 'user', 6)) + (await passedOf(two, 'user', 20))).toBe(10)
  })

  it('forgets keys or scripts, nothing fails', async () => {
    const one = await openedMeters(url)
    for (const words of [['SCRIPT', 'FLUSH'], ['FLUSHALL'], ['SCRIPT', 'FLUSH', 'ASYNC']]) {
      await command('FLUSHALL')
      expect(await passedOf(one, 'user', 4)).toBe(4)
      await command(...(words as [string, ...string[]]))
      expect(await passedOf(one, 'user', 20)).toBe(words[0] === 'FLUSHALL' ? 10 : 6)
    }
    expect(one.meters.state()).toEqual({ away: false, local: 0, timeouts: 0, errors: 0 })
  })

  it('only reads, limits are local until it writes', async () => {
    const one = await openedMeters(url)
    onTestFinished(async () => void (await command('REPLICAOF', 'NO', 'ONE')))
    await command('REPLICAOF', '127.0.0.1', 1)
    expect(await passedOf(one, 'user', 20)).toBe(5)
    // It answers a PING all the while.
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(one.meters.state().away).toBe(true)
    expect(one.changes[0]).toMatch(/READONLY/)
    expect(one.changes.filter((change) => change === 'back')).toEqual([])
    await command('REPLICAOF', 'NO', 'ONE')
    await backAgain(one)
    expect(await passedOf(one, 'user', 20)).toBe(10)
  })

  it('is full, limits are local until it has room', async () => {
    const one = await openedMeters(url)
    onTestFinished(async () => void (await command('CONFIG', 'SET', 'maxmemory', '0')))
    await command('CONFIG', 'SET', 'maxmemory', '1')
    expect(await passedOf(one, 'user', 20)).toBe(5)
    await command('CONFIG', 'SET', 'maxmemory', '0')
    await backAgain(one)
    expect(one.changes[0]).toMatch(/OOM/)
  })

  it('takes no more connections, limits are local until it does', async () => {
    onTestFinished(async () => void (await command('CONFIG', 'SET', 'maxclients', '1000')))
    const [one] = [await openedMeters(url)]
    await command('CONFIG', 'SET', 'maxclients', '1')
    const { redis } = opened(url)
    const late = redisMeters(redis, { fallback: one.meters, share: 1 })
    onTestFinished(() => late.close())
    expect(await late.charge([charge('user', 1)])).toMatchObject([{ allowed: true }])
    expect(late.state()).toMatchObject({ away: true, local: 1 })
    expect(one.meters.state().local).toBe(0)
    await one.redis.use((client) => client.call('CONFIG', 'SET', 'maxclients', '1000'))
    await expect.poll(() => late.state().away, { timeout: 20_000 }).toBe(false)
  })

  it('answers, and this process is too busy to hear it, Redis is not away', async () => {
    const one = await openedMeters(url)
    // It answers twice: that it does not know the script, and then what was asked.
    await command('SCRIPT', 'FLUSH')
    const verdict = one.meters.charge([charge('user', 1)])
    const started = performance.now()
    while (performance.now() - started < 300);
    expect(await verdict).toMatchObject([{ allowed: true }])
    expect(one.meters.state()).toEqual({ away: false, local: 0, timeouts: 0, errors: 0 })
  })

  it('has too many to answer, the others are judged here and Redis is not away', async () => {
    const one = await openedMeters(url, { maxPending: 10 })
    await one.meters.charge([charge('user', 1, 1_000)])
    const verdicts = await Promise.all(
      Array.from({ length: 30 }, () => one.meters.charge([charge('user', 1, 1_000)])),
    )
    expect(verdicts.every(([reading]) => reading?.allowed)).toBe(true)
    expect(one.meters.state()).toMatchObject({ away: false, local: 20 })
  })

  it('stalls again and again, it must answer more often before it is trusted', async () => {
    const one = await openedMeters(url)
    const stall = async () => {
      server?.pause()
      await one.meters.charge([charge('user', 1)])
      expect(one.meters.state().away).toBe(true)
      const since = performance.now()
      server?.resume()
      await backAgain(one)
      return performance.now() - since
    }
    const times = [await stall(), await stall(), await stall()]
    // One probe, then two and four in a row, each at least 250 ms after the one before.
    expect(times[1]).toBeGreaterThan(490)
    expect(times[2]).toBeGreaterThan(990)
    expect(one.changes).toHaveLength(6)
  })

  it('is away, one probe at a time looks for it', async () => {
    const { redis } = opened(url)
    let asked = 0
    let together = 0
    let most = 0
    const counted: typeof redis = {
      ...redis,
      async use(work) {
        asked++
        most = Math.max(most, ++together)
        try {
          return await redis.use(work)
        } finally {
          together--
        }
      },
    }
    const one = await openedMeters(url)
    const meters = redisMeters(counted, { fallback: one.meters })
    onTestFinished(() => meters.close())
    await expect.poll(() => redis.state().size).toBe(1)
    server?.pause()
    await meters.charge([charge('user', 1)])
    asked = 0
    for (let i = 0; i < 1_000; i++) void meters.charge([charge('user', 1)])
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    expect(asked).toBeGreaterThan(0)
    expect(asked).toBeLessThanOrEqual(3_000 / 250)
    expect(most).toBeLessThanOrEqual(2)
    meters.close()
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    const after = asked
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(asked).toBe(after)
  })
})

describe.skipIf(!server)('closed by choice', { timeout: 30_000, retry }, () => {
  it('refuses all with a code and a time while Redis is away', async () => {
    const one = await openedMeters(url, { share: 0 })
    expect(await passedOf(one, 'user', 20)).toBe(10)
    server?.pause()
    for (let i = 0; i < 3; i++) {
      const refused = Promise.resolve(one.meters.charge([charge('user', 1)]))
      await expect(refused).rejects.toMatchObject({
        code: 'ERR_LIMITS_UNAVAILABLE',
        retryAfterSeconds: 2,
      })
    }
    server?.resume()
    await backAgain(one)
    expect(await passedOf(one, 'another', 1)).toBe(1)
  })
})

describe.skipIf(!server)('a share', { timeout: 30_000, retry }, () => {
  it('leaves at least one unit, and lets no batch through that costs more than it', async () => {
    const one = await openedMeters(url, { share: 0.1 })
    server?.pause()
    expect(await one.meters.charge([charge('few', 1, 2)])).toMatchObject([{ allowed: true }])
    expect(await one.meters.charge([charge('few', 1, 2)])).toMatchObject([{ allowed: false }])
    expect(await one.meters.charge([charge('batch', 20, 100)])).toMatchObject([
      { allowed: false, remaining: 10, waitMs: 60_000 },
    ])
    expect(await one.meters.charge([charge('batch', 1, 100)], charge('ip', 1, 100))).toMatchObject([
      { remaining: 9 },
      { remaining: 9 },
    ])
  })
})

describe.skipIf(!server)('a process that is busy', { timeout: 30_000, retry }, () => {
  it('for longer than the deadline does not take that for an outage', async () => {
    const one = await openedMeters(url)
    await one.meters.charge([charge('user', 1)])
    for (let i = 0; i < 5; i++) {
      const asked = one.meters.charge([charge('user', 1)])
      const until = performance.now() + 200
      while (performance.now() < until);
      expect(await asked).toMatchObject([{ allowed: true }])
    }
    expect(one.meters.state()).toEqual({ away: false, local: 0, timeouts: 0, errors: 0 })
  })
})
