import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { Charge } from '../src/index.js'
import { wallClock } from './support/clock.js'
import { hasClock } from './support/components.js'
import { charge, openedStore } from './support/opened.js'
import { redisServer } from './support/redis-server.js'
import { generator, referenceMeters } from './support/reference.js'

const HOUR_SECONDS = 3_600
const folder = hasClock ? await mkdtemp(join(tmpdir(), 'redis-clock-')) : ''
const clock = hasClock ? await wallClock(folder) : undefined
const server = clock ? await redisServer({ folder, env: { ...clock.env, TZ: 'UTC' } }) : undefined
afterAll(() => server?.close())
const url = server?.url ?? ''
beforeEach(async () => {
  await clock?.shift(0)
  await server?.command('FLUSHALL')
})
const serverSeconds = async () => Number(String(await server?.command('TIME')).split(',')[0])

/** Charges at random: other keys, costs, windows and moments, some with one that is judged first. */
function storm(seed: number) {
  const random = generator(seed)
  const plans = [
    { limit: 7, windowMs: 60_000 },
    { limit: 20, windowMs: 10_000 },
    { limit: 3, windowMs: 3_600_000 },
  ]
  const planOf = () => plans[Math.floor(random() * (random() < 0.9 ? 1 : 3))] ?? plans[0]
  const unitsOf = () => (random() < 0.6 ? 1 : Math.floor(random() * 9) / 2)
  const make = (key: string): Charge => ({ key, units: unitsOf(), ...planOf() }) as Charge
  return Array.from({ length: 300 }, () => ({
    stepSeconds: random() < 0.6 ? 0 : Math.floor(random() * random() * 90),
    charges: ['user', 'tool a', 'tool b'].filter(() => random() < 0.7).map(make),
    first: random() < 0.5 ? make('ip') : undefined,
  }))
}

describe.skipIf(!server)('by the clock of Redis', () => {
  it.each([1, 2, 3])('every reading is that of the algorithm in memory, storm %i', async (seed) => {
    let now = 1_900_000_000
    await clock?.freeze(now)
    const { meters } = await openedStore(url)
    const reference = referenceMeters(() => now * 1000)
    const seen = { allowed: 0, refused: 0 }
    for (const { stepSeconds, charges, first } of storm(seed)) {
      now += stepSeconds
      if (stepSeconds > 0) await clock?.freeze(now)
      const verdict = await meters.charge(charges, first)
      const expected = reference.charge(charges, first)
      for (const { allowed } of expected) seen[allowed ? 'allowed' : 'refused']++
      const about = expected.map(({ waitMs, ...rest }) => ({
        ...rest,
        waitMs: expect.closeTo(waitMs, 1),
      }))
      expect(verdict).toEqual(about)
    }
    expect(Math.min(seen.allowed, seen.refused)).toBeGreaterThan(50)
  })

  it('an hour back locks nobody out for longer than a window, and frees nobody', async () => {
    const { meters } = await openedStore(url)
    const take = async (units: number) => (await meters.charge([charge('a', units, 10, 2_000)]))[0]
    expect(await take(10)).toMatchObject({ allowed: true })
    await clock?.shift(-HOUR_SECONDS)
    expect(await serverSeconds()).toBeLessThan(Date.now() / 1000 - HOUR_SECONDS / 2)
    const refused = await take(1)
    expect(refused).toMatchObject({ allowed: false })
    expect(refused?.waitMs).toBeLessThanOrEqual(200)
    await expect
      .poll(async () => (await take(10))?.allowed, { timeout: 10_000, interval: 50 })
      .toBe(true)
    await expect.poll(() => server?.command('DBSIZE'), { timeout: 10_000, interval: 100 }).toBe(0)
  })

  it('an hour ahead forgets at most what was used, and counts on', async () => {
    const { meters } = await openedStore(url)
    const take = async (units: number) => (await meters.charge([charge('a', units, 10, 60_000)]))[0]
    await take(10)
    await clock?.shift(HOUR_SECONDS)
    expect(await take(10)).toMatchObject({ allowed: true })
    expect(await take(1)).toMatchObject({ allowed: false })
    await clock?.shift(0)
    const [back] = [await take(1)]
    expect(back).toMatchObject({ allowed: false })
    expect(back?.waitMs).toBeLessThanOrEqual(6_000)
  })
})
