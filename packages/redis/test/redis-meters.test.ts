import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { Charge } from '../src/index.js'
import { hasRedis } from './support/components.js'
import { charge, openedStore } from './support/opened.js'
import { redisServer } from './support/redis-server.js'

const server = hasRedis ? await redisServer() : undefined
afterAll(() => server?.close())
const url = server?.url ?? ''
const command = async (name: string, ...words: (string | number)[]) =>
  server?.command(name, ...words)
beforeEach(() => command('FLUSHALL'))

async function callsOf(name: string): Promise<number> {
  const stats = String(await command('INFO', 'commandstats'))
  return Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}

describe.skipIf(!server)('charges', () => {
  it('are counted down, refused when the quota is used, and say until when', async () => {
    const { meters } = await openedStore(url)
    expect(await meters.charge([charge('a', 4)])).toMatchObject([{ allowed: true, remaining: 6 }])
    const [whole] = await meters.charge([charge('a', 6)])
    expect(whole).toMatchObject({ allowed: true, remaining: 0 })
    expect(whole?.waitMs).toBeGreaterThan(50_000)
    expect(whole?.waitMs).toBeLessThanOrEqual(60_000)
    const [refused] = await meters.charge([charge('a', 1)])
    expect(refused).toMatchObject({ allowed: false, remaining: 0 })
    expect(refused?.waitMs).toBeGreaterThan(0)
    expect(refused?.waitMs).toBeLessThanOrEqual(6_000)
    expect(await meters.charge([charge('b', 1)])).toMatchObject([{ allowed: true, remaining: 9 }])
  })

  it('are made together or not at all', async () => {
    const { meters } = await openedStore(url)
    await meters.charge([charge('tool', 10)])
    for (let i = 0; i < 3; i++) {
      expect(await meters.charge([charge('user', 5), charge('tool', 1)])).toMatchObject([
        { allowed: true, remaining: 10 },
        { allowed: false, remaining: 0 },
      ])
    }
    expect(await meters.charge([charge('user', 10)])).toMatchObject([{ allowed: true }])
  })

  it('of the first stand when the others are refused, and refuse the others', async () => {
    const { meters } = await openedStore(url)
    await meters.charge([charge('user', 10)])
    for (const remaining of [1, 0]) {
      expect(await meters.charge([charge('user', 1)], charge('ip', 1, 2))).toMatchObject([
        { allowed: true, remaining },
        { allowed: false },
      ])
    }
    expect(await meters.charge([charge('fresh', 4)], charge('ip', 1, 2))).toMatchObject([
      { allowed: false, remaining: 0 },
      { allowed: true, remaining: 10 },
    ])
    expect(await meters.charge([], charge('ip', 1, 2))).toMatchObject([{ allowed: false }])
    expect(await meters.charge([])).toEqual([])
  })

  it('of more than there ever is, or of what is no number, are refused and cost nothing', async () => {
    const { meters } = await openedStore(url)
    for (const units of [11, Number.MAX_VALUE, Number.POSITIVE_INFINITY, Number.NaN]) {
      expect(await meters.charge([charge('a', units)])).toMatchObject([{ allowed: false }])
    }
    const [more] = await meters.charge([charge('a', 11)])
    expect(more?.waitMs).toBe(60_000)
    expect(await meters.charge([charge('a', 10)])).toMatchObject([{ allowed: true }])
  })

  it('need one round trip, whatever the number of layers', async () => {
    const { meters } = await openedStore(url)
    const batch = Array.from({ length: 20 }, (_, i) => charge(`tool ${i}`, 1))
    await meters.charge([charge('user', 1)])
    const before = [await callsOf('evalsha'), await callsOf('eval')]
    for (let i = 0; i < 5; i++) await meters.charge([charge('user', 1), ...batch], charge('ip', 1))
    expect(await callsOf('evalsha')).toBe((before[0] ?? 0) + 5)
    expect(await callsOf('eval')).toBe(before[1])
  })
})

/** Units that the clock of Redis and that of this process may be apart in three seconds. */
const CLOCKS = 0.05

describe.skipIf(!server)('two processes', () => {
  it('let through exactly the limit together, each layer and at once', async () => {
    const [one, two] = [await openedStore(url), await openedStore(url)]
    const hour = 3_600_000
    const asked = Array.from({ length: 200 }, (_, i) =>
      (i % 2 ? one : two).meters.charge(
        [charge('user', 1, 100, hour), charge('tool', 2, 100, hour)],
        charge('ip', 1, 150, hour),
      ),
    )
    const verdicts = await Promise.all(asked)
    const passed = (layer: number) => verdicts.filter((verdict) => verdict[layer]?.allowed).length
    expect(verdicts.filter((verdict) => verdict.every(({ allowed }) => allowed))).toHaveLength(50)
    expect(passed(0)).toBe(150)
  })

  it('let no more through in any span than limit × (1 + span / window)', async () => {
    const [one, two] = [await openedStore(url), await openedStore(url)]
    const [limit, windowMs] = [20, 1_000]
    const passed: { asked: number; told: number }[] = []
    async function flood(meters: typeof one.meters, until: number) {
      while (performance.now() < until) {
        const asked = performance.now()
        const [reading] = await meters.charge([charge('edge', 1, limit, windowMs)])
        if (reading?.allowed) passed.push({ asked, told: performance.now() })
      }
    }
    const until = performance.now() + 3_500
    await Promise.all([
      flood(one.meters, until),
      flood(two.meters, until),
      flood(one.meters, until),
    ])
    // When exactly each was judged is not known, only between which moments.
    for (const [i, { asked }] of passed.entries()) {
      for (let j = i; j < passed.length; j++) {
        const within = passed.slice(i, j + 1)
        const span = Math.max(...within.map(({ told }) => told)) - asked
        expect(within.length).toBeLessThanOrEqual(limit * (1 + span / windowMs) + CLOCKS)
      }
    }
    expect(passed.length).toBeGreaterThanOrEqual(limit * 3)
  })
})

describe.skipIf(!server)('keys', () => {
  const nasty = [
    'principal alice@example.com',
    'line\nbreak\r\nSET x 1\r\n',
    '{tag}{',
    '}',
    '',
    '\0',
    'é'.repeat(100_000),
    '*',
    "'] redis.call('FLUSHALL')",
  ]

  it('are hashes behind the prefix, whatever they are made of, and each counts alone', async () => {
    const { meters } = await openedStore(url, 'app:')
    for (const key of nasty) {
      expect(await meters.charge([charge(key, 1, 2)])).toMatchObject([
        { allowed: true, remaining: 1 },
      ])
    }
    const names = (await command('KEYS', '*')) as string[]
    expect(names).toHaveLength(nasty.length)
    for (const name of names) expect(name).toMatch(/^app:[\w-]{22}$/)
    expect(await meters.charge(nasty.map((key) => charge(key, 1, 2)))).toHaveLength(nasty.length)
    expect(await command('DBSIZE')).toBe(nasty.length)
  })

  it('expire when the quota is whole, and not before', async () => {
    const { meters } = await openedStore(url)
    await meters.charge([charge('a', 1, 2, 1_000), charge('b', 1, 10, 3_600_000)])
    const left = async () =>
      Promise.all(
        ((await command('KEYS', '*')) as string[]).map((name) => command('PTTL', name)),
      ) as Promise<number[]>
    const [short = 0, long = 0] = (await left()).sort((a, b) => a - b)
    expect(short).toBeGreaterThan(0)
    expect(short).toBeLessThanOrEqual(500)
    expect(long).toBeGreaterThan(300_000)
    expect(long).toBeLessThanOrEqual(360_000)
    await expect.poll(() => command('DBSIZE'), { timeout: 5_000 }).toBe(1)
    await meters.charge([charge('never', 0), charge('too much', 11)])
    await expect.poll(() => command('DBSIZE')).toBe(1)
  })

  it('that hold something else are counted from the start', async () => {
    const { meters } = await openedStore(url)
    await meters.charge([charge('a', 10)])
    const [name = ''] = (await command('KEYS', '*')) as string[]
    await command('SET', name, 'something else altogether')
    expect(await meters.charge([charge('a', 1)])).toMatchObject([{ allowed: true, remaining: 9 }])
  })
})

describe.skipIf(!server)('another plan', () => {
  const hour = (units: number): Charge => charge('a', units, 60, 3_600_000)
  const minute = (units: number): Charge => charge('a', units, 60, 60_000)

  it('locks nobody out for the length of the old one, and gives nothing anew', async () => {
    const { meters } = await openedStore(url)
    await meters.charge([hour(60)])
    const [left] = await meters.charge([minute(1)])
    expect(left).toMatchObject({ allowed: false })
    expect(left?.waitMs).toBeLessThanOrEqual(1_000)
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    expect(await meters.charge([minute(1)])).toMatchObject([{ allowed: true }])
    const [back] = await meters.charge([hour(1)])
    expect(back).toMatchObject({ allowed: false })
    expect(back?.waitMs).toBeGreaterThan(55_000)
  })
})
