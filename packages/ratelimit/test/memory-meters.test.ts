import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { memoryMeters } from '../src/memory-meters.js'
import { BUCKETS } from '../src/shared-buckets.js'
import { type Counter, passing, take } from './take.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const minute = 60_000
const six = { limit: 6, windowMs: minute }
const sixty = { limit: 60, windowMs: minute }
const sixHundred = { limit: 600, windowMs: minute }

describe('the quota', () => {
  it.each([1, 3, 7, 300, 599, 600, 1000])('lets exactly %i units pass at once', (limit) => {
    const meters = memoryMeters(10)
    vi.advanceTimersByTime(12_345.678)
    const verdicts = Array.from({ length: limit * 2 }, () =>
      take(meters, 'a', 1, { limit, windowMs: minute }),
    )
    const passed = verdicts.filter((verdict) => verdict.allowed)
    expect(passed.map((verdict) => verdict.remaining)).toEqual(
      Array.from(passed, (_, i) => limit - 1 - i),
    )
    expect(passed).toHaveLength(limit)
  })

  it('tells what is left and when all of it is back', () => {
    const meters = memoryMeters(10)
    expect(take(meters, 'a', 1, sixty)).toEqual({ allowed: true, remaining: 59, waitMs: 1000 })
    expect(take(meters, 'a', 9, sixty)).toEqual({ allowed: true, remaining: 50, waitMs: 10_000 })
    vi.advanceTimersByTime(4000)
    expect(take(meters, 'a', 0, sixty)).toEqual({ allowed: true, remaining: 54, waitMs: 6000 })
  })

  it('gives everything back after one window, and no two keys at the same time', () => {
    const meters = memoryMeters(10)
    expect(passing(meters, 'a', 9, six)).toBe(6)
    vi.advanceTimersByTime(30_000)
    expect(passing(meters, 'b', 9, six)).toBe(6)
    vi.advanceTimersByTime(30_000)
    expect([passing(meters, 'a', 9, six), passing(meters, 'b', 9, six)]).toEqual([6, 3])
  })

  it('does not count what it refuses: one who hammers passes as soon as one who waits', () => {
    const meters = memoryMeters(10)
    passing(meters, 'hammers', 6, six)
    passing(meters, 'waits', 6, six)
    for (let i = 0; i < 99; i++) {
      vi.advanceTimersByTime(100)
      expect(take(meters, 'hammers', 1, six).allowed).toBe(false)
    }
    vi.advanceTimersByTime(100)
    expect(['hammers', 'waits'].map((key) => take(meters, key, 1, six).allowed)).toEqual([
      true,
      true,
    ])
  })

  it('says what is left and when the refused cost would pass, and means it', () => {
    const meters = memoryMeters(10)
    take(meters, 'a', 58, sixty)
    expect(take(meters, 'a', 5, sixty)).toEqual({ allowed: false, remaining: 2, waitMs: 3000 })
    vi.advanceTimersByTime(2999)
    expect(take(meters, 'a', 5, sixty).allowed).toBe(false)
    vi.advanceTimersByTime(1)
    expect(take(meters, 'a', 5, sixty).allowed).toBe(true)
  })

  it.each([61, 1e9, Number.POSITIVE_INFINITY])(
    'never lets %f units of 60 pass, nor poisons the key',
    (units) => {
      const meters = memoryMeters(10)
      expect(take(meters, 'a', units, sixty)).toEqual({
        allowed: false,
        remaining: 60,
        waitMs: minute,
      })
      expect(passing(meters, 'a', 100, sixty)).toBe(60)
    },
  )

  it('does not care where the wall clock is set', () => {
    const meters = memoryMeters(10)
    const policy = { limit: 3, windowMs: minute }
    passing(meters, 'a', 3, policy)
    vi.setSystemTime(Date.now() - 86_400_000)
    expect(take(meters, 'a', 1, policy)).toMatchObject({ allowed: false, waitMs: 20_000 })
    vi.setSystemTime(Date.now() + 2 * 86_400_000)
    expect(take(meters, 'a', 1, policy)).toMatchObject({ allowed: false, waitMs: 20_000 })
  })
})

describe('several charges', () => {
  const charges = [
    { key: 'a', units: 5, ...sixty },
    { key: 'b', units: 2, ...six },
    { key: 'c', units: 1, limit: 1, windowMs: 1000 },
  ]
  const left = (meters: Counter) =>
    charges.map(({ key, limit, windowMs }) => take(meters, key, 0, { limit, windowMs }).remaining)

  it('are made together', () => {
    const meters = memoryMeters(10)
    expect(meters.charge(charges).map(({ remaining }) => remaining)).toEqual([55, 4, 0])
    expect(left(meters)).toEqual([55, 4, 0])
  })

  it.each([0, 1, 2])('are all left out when only number %i refuses', (refusing) => {
    const meters = memoryMeters(10)
    const { key, limit, windowMs } = charges[refusing] ?? { key: '', limit: 1, windowMs: 1 }
    take(meters, key, limit, { limit, windowMs })
    const before = left(meters)
    const readings = meters.charge(charges)
    expect(readings.map(({ allowed }) => allowed)).toEqual([0, 1, 2].map((i) => i !== refusing))
    expect(left(meters)).toEqual(before)
    expect(meters.size).toBe(1)
  })

  it('take no more places than there are', () => {
    const meters = memoryMeters(2)
    meters.charge(charges)
    expect(meters.size).toBe(2)
    // The third is counted in a bucket.
    expect(left(meters)).toEqual([55, 4, 0])
  })
})

describe('a first charge', () => {
  const first = { key: 'address', units: 1, ...six }
  const others = [{ key: 'a', units: 5, ...sixty }]
  const left = (meters: Counter, key: string, policy: typeof six) =>
    take(meters, key, 0, policy).remaining

  it('is made together with the others, and its reading is in front', () => {
    const meters = memoryMeters(10)
    const readings = meters.charge(others, first)
    expect(readings.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
      [true, 5],
      [true, 55],
    ])
  })

  it('is made even when the others are refused', () => {
    const meters = memoryMeters(10)
    take(meters, 'a', 58, sixty)
    const readings = meters.charge(others, first)
    expect(readings.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
      [true, 5],
      [false, 2],
    ])
    expect([left(meters, 'address', six), left(meters, 'a', sixty)]).toEqual([5, 2])
  })

  it('that is refused keeps the others from being made', () => {
    const meters = memoryMeters(10)
    take(meters, 'address', 6, six)
    const readings = meters.charge(others, first)
    expect(readings.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
      [false, 0],
      [true, 60],
    ])
    expect(left(meters, 'a', sixty)).toBe(60)
  })
})

describe('the memory', () => {
  it('forgets no key before its quota is whole again', () => {
    for (let offsetMs = 0; offsetMs <= 2 * minute; offsetMs += 4999) {
      const meters = memoryMeters(1000)
      vi.advanceTimersByTime(offsetMs)
      expect(passing(meters, 'a', 600, sixHundred)).toBe(600)
      for (let elapsedMs = 100; elapsedMs < minute; elapsedMs += 9900) {
        vi.advanceTimersByTime(elapsedMs === 100 ? 100 : 9900)
        for (let i = 0; i < 50; i++) take(meters, `newcomer ${elapsedMs} ${i}`, 1, sixHundred)
        expect(passing(meters, 'a', 600, sixHundred)).toBe(elapsedMs === 100 ? 1 : 99)
      }
    }
  })

  it('forgets keys whose quota is whole as newcomers come, without a timer', () => {
    const meters = memoryMeters(10_000)
    for (let i = 0; i < 500; i++) take(meters, `k${i}`, 1, six)
    expect(meters.size).toBe(500)
    vi.advanceTimersByTime(10_000)
    for (let i = 0; i < 200; i++) take(meters, `later ${i}`, 1, six)
    expect(meters.size).toBe(200)
  })

  it('does not let idle keys fill the table, however many come one after another', () => {
    const meters = memoryMeters(10_000)
    let largest = 0
    for (let i = 0; i < 20_000; i++) {
      vi.advanceTimersByTime(10)
      take(meters, `k${i}`, 1, six)
      largest = Math.max(largest, meters.size)
    }
    // A thousand are in use at any time.
    expect(largest).toBeLessThan(1500)
  })

  it.each([0, 1.5, 10_000_001])('refuses to hold %d keys', (maxKeys) => {
    expect(() => memoryMeters(maxKeys)).toThrow(
      expect.objectContaining({ code: 'ERR_RATELIMIT_OPTION' }),
    )
  })

  it('holds no key for what is refused or free', () => {
    const meters = memoryMeters(10)
    take(meters, 'too much', 7, six)
    take(meters, 'free', 0, six)
    expect(meters.size).toBe(0)
  })

  it('charges a key that its own request has just found whole', () => {
    const meters = memoryMeters(10)
    take(meters, 'known', 1, six)
    vi.advanceTimersByTime(minute)
    const charge = (key: string) => ({ key, units: 6, ...six })
    meters.charge([charge('known'), charge('newcomer')])
    expect(['known', 'newcomer'].map((key) => take(meters, key, 1, six).allowed)).toEqual([
      false,
      false,
    ])
  })

  it('when full, pushes nobody out: a busy key stays counted, a known one keeps its quota', () => {
    const meters = memoryMeters(2)
    expect(passing(meters, 'abuser', 6, six)).toBe(6)
    expect(take(meters, 'known', 1, six).allowed).toBe(true)
    for (let i = 0; i < 50_000; i++) take(meters, `stranger ${i}`, 1, six)
    expect(meters.size).toBe(2)
    expect(take(meters, 'abuser', 1, six).allowed).toBe(false)
    expect(passing(meters, 'known', 9, six)).toBe(5)
  })

  it('when full, still lets a new key pass, and limits it', () => {
    const meters = memoryMeters(1)
    take(meters, 'first', 1, six)
    expect(passing(meters, 'second', 20, six)).toBe(6)
  })

  it('when full, bounds all strangers together', () => {
    const meters = memoryMeters(1)
    const two = { limit: 2, windowMs: minute }
    take(meters, 'first', 1, two)
    let passed = 0
    for (let i = 0; i < 20_000; i++) passed += take(meters, `stranger ${i}`, 1, two).allowed ? 1 : 0
    expect(passed).toBe(2 * BUCKETS)
  })

  it('frees no key that moves from a shared bucket to a place of its own', () => {
    const meters = memoryMeters(1)
    take(meters, 'first', 1, six)
    expect(passing(meters, 'abuser', 9, six)).toBe(6)
    vi.advanceTimersByTime(10_000)
    // Who was first is whole and forgotten, so there is room, but only a sixth of the abuser's quota is back.
    take(meters, 'probe', 0, six)
    expect(meters.size).toBe(0)
    expect(passing(meters, 'abuser', 9, six)).toBe(1)
    expect(meters.size).toBe(1)
  })

  it('shares buckets only among windows of a like size: hours do not stop minutes', () => {
    const meters = memoryMeters(1)
    const hours = { limit: 2, windowMs: 60 * minute }
    take(meters, 'first', 6, six)
    for (let i = 0; i < 20_000; i++) take(meters, `slow ${i}`, 2, hours)
    expect(take(meters, 'another slow one', 1, hours).allowed).toBe(false)
    expect(passing(meters, 'fast', 9, six)).toBe(6)
  })

  it('shares buckets differently in each process, so that nobody can aim at another', () => {
    const one = { limit: 1, windowMs: minute }
    const collides = () => {
      const meters = memoryMeters(1)
      take(meters, 'first', 1, one)
      take(meters, 'victim', 1, one)
      return Array.from({ length: 5000 }, (_, i) => i)
        .filter((i) => !take(meters, `probe ${i}`, 1, one).allowed)
        .join()
    }
    expect(collides()).not.toBe(collides())
  })

  it('tells keys apart that only a full encoding does', () => {
    const meters = memoryMeters(10)
    const one = { limit: 1, windowMs: minute }
    const keys = ['ä', 'a\u0308', 'Ā', '\u0100x', '\ud800', '\ud801', '\u0000', '']
    for (let turn = 0; turn < 2; turn++) {
      expect(keys.map((key) => take(meters, key, 1, one).allowed)).toEqual(
        keys.map(() => turn === 0),
      )
    }
  })
})
