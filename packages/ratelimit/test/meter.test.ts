import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMeter, type Meter, OVERFLOW_BUCKETS } from '../src/meter.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const minute = 60_000
/** How many of `count` single units pass now. */
const passing = (meter: Meter, key: string, count: number) =>
  Array.from({ length: count }, () => meter.take(key, 1)).filter((verdict) => verdict.allowed)
    .length

describe('the quota', () => {
  it.each([1, 3, 7, 300, 599, 600, 1000])('lets exactly %i units pass at once', (limit) => {
    const meter = createMeter({ windowMs: minute, limit, maxKeys: 10 })
    vi.advanceTimersByTime(12_345.678)
    const verdicts = Array.from({ length: limit * 2 }, () => meter.take('a', 1))
    const passed = verdicts.filter((verdict) => verdict.allowed)
    expect(passed.map((verdict) => verdict.remaining)).toEqual(
      Array.from(passed, (_, i) => limit - 1 - i),
    )
    expect(passed).toHaveLength(limit)
  })

  it('tells what is left and when all of it is back', () => {
    const meter = createMeter({ windowMs: minute, limit: 60, maxKeys: 10 })
    expect(meter.take('a', 1)).toEqual({ allowed: true, remaining: 59, waitMs: 1000 })
    expect(meter.take('a', 9)).toEqual({ allowed: true, remaining: 50, waitMs: 10_000 })
    vi.advanceTimersByTime(4000)
    expect(meter.take('a', 0)).toEqual({ allowed: true, remaining: 54, waitMs: 6000 })
  })

  it('does not let double pass at any window edge', () => {
    for (let startMs = 0; startMs <= 2 * minute; startMs += 7919) {
      const meter = createMeter({ windowMs: minute, limit: 600, maxKeys: 10 })
      vi.advanceTimersByTime(startMs)
      const before = passing(meter, 'a', 1000)
      vi.advanceTimersByTime(1000)
      const after = passing(meter, 'a', 1000)
      expect([before, after]).toEqual([600, 10])
    }
  })

  it('keeps to limit × (1 + span / window) in every span, whatever the pattern', () => {
    const limit = 20
    const meter = createMeter({ windowMs: 1000, limit, maxKeys: 10 })
    const passedAt: number[] = []
    for (let ms = 0; ms < 5000; ms += 5) {
      vi.advanceTimersByTime(5)
      const burst = ms % 350 === 0 ? 30 : ms % 3
      for (let i = passing(meter, 'a', burst); i > 0; i--) passedAt.push(ms)
    }
    expect(passedAt.length).toBeGreaterThan(80)
    for (const [first, from] of passedAt.entries()) {
      for (let last = first; last < passedAt.length; last++) {
        const span = (passedAt[last] ?? 0) - from
        expect(last - first + 1).toBeLessThanOrEqual(limit * (1 + span / 1000))
      }
    }
  })

  it('gives everything back after one window, and no two keys at the same time', () => {
    const meter = createMeter({ windowMs: minute, limit: 6, maxKeys: 10 })
    expect(passing(meter, 'a', 9)).toBe(6)
    vi.advanceTimersByTime(30_000)
    expect(passing(meter, 'b', 9)).toBe(6)
    vi.advanceTimersByTime(30_000)
    expect([passing(meter, 'a', 9), passing(meter, 'b', 9)]).toEqual([6, 3])
  })

  it('does not count what it refuses: one who hammers passes as soon as one who waits', () => {
    const meter = createMeter({ windowMs: minute, limit: 6, maxKeys: 10 })
    passing(meter, 'hammers', 6)
    passing(meter, 'waits', 6)
    for (let i = 0; i < 99; i++) {
      vi.advanceTimersByTime(100)
      expect(meter.take('hammers', 1).allowed).toBe(false)
    }
    vi.advanceTimersByTime(100)
    expect([meter.take('hammers', 1).allowed, meter.take('waits', 1).allowed]).toEqual([true, true])
  })

  it('says when the refused cost would pass, and means it', () => {
    const meter = createMeter({ windowMs: minute, limit: 60, maxKeys: 10 })
    meter.take('a', 58)
    const refused = meter.take('a', 5)
    expect(refused).toEqual({ allowed: false, remaining: 0, waitMs: 3000 })
    vi.advanceTimersByTime(2999)
    expect(meter.take('a', 5).allowed).toBe(false)
    vi.advanceTimersByTime(1)
    expect(meter.take('a', 5).allowed).toBe(true)
  })

  it.each([61, 1e9, Number.POSITIVE_INFINITY])(
    'never lets %f units of 60 pass, nor poisons the key',
    (units) => {
      const meter = createMeter({ windowMs: minute, limit: 60, maxKeys: 10 })
      expect(meter.take('a', units)).toEqual({ allowed: false, remaining: 0, waitMs: minute })
      expect(passing(meter, 'a', 100)).toBe(60)
    },
  )

  it('does not care where the wall clock is set', () => {
    const meter = createMeter({ windowMs: minute, limit: 3, maxKeys: 10 })
    passing(meter, 'a', 3)
    vi.setSystemTime(Date.now() - 86_400_000)
    expect(meter.take('a', 1)).toMatchObject({ allowed: false, waitMs: 20_000 })
    vi.setSystemTime(Date.now() + 2 * 86_400_000)
    expect(meter.take('a', 1)).toMatchObject({ allowed: false, waitMs: 20_000 })
  })
})

describe('the memory', () => {
  it('forgets no key before its quota is whole again, across any turn of the generations', () => {
    for (let offsetMs = 0; offsetMs <= 2 * minute; offsetMs += 4999) {
      const meter = createMeter({ windowMs: minute, limit: 600, maxKeys: 10 })
      vi.advanceTimersByTime(offsetMs)
      expect(passing(meter, 'a', 600)).toBe(600)
      for (let elapsedMs = 100; elapsedMs < minute; elapsedMs += 9900) {
        vi.advanceTimersByTime(elapsedMs === 100 ? 100 : 9900)
        expect(passing(meter, 'a', 600)).toBe(elapsedMs === 100 ? 1 : 99)
      }
    }
  })

  it('forgets idle keys, without a timer', () => {
    const meter = createMeter({ windowMs: minute, limit: 6, maxKeys: 1000 })
    for (let i = 0; i < 500; i++) meter.take(`k${i}`, 1)
    vi.advanceTimersByTime(minute)
    meter.take('later', 1)
    expect(meter.size).toBe(501)
    vi.advanceTimersByTime(minute)
    meter.take('later', 1)
    expect(meter.size).toBe(1)
    vi.advanceTimersByTime(2 * minute)
    meter.take('much later', 1)
    expect(meter.size).toBe(1)
  })

  it('holds no key for what is refused or free', () => {
    const meter = createMeter({ windowMs: minute, limit: 6, maxKeys: 10 })
    meter.take('too much', 7)
    meter.take('free', 0)
    expect(meter.size).toBe(0)
  })

  it('when full, pushes nobody out: a busy key stays counted, a known one keeps its quota', () => {
    const meter = createMeter({ windowMs: minute, limit: 6, maxKeys: 2 })
    expect(passing(meter, 'abuser', 6)).toBe(6)
    expect(meter.take('known', 1).allowed).toBe(true)
    for (let i = 0; i < 50_000; i++) meter.take(`stranger ${i}`, 1)
    expect(meter.size).toBe(2)
    expect(meter.take('abuser', 1).allowed).toBe(false)
    expect(passing(meter, 'known', 9)).toBe(5)
  })

  it('when full, still lets a new key pass, and limits it', () => {
    const meter = createMeter({ windowMs: minute, limit: 6, maxKeys: 1 })
    meter.take('first', 1)
    expect(passing(meter, 'second', 20)).toBe(6)
  })

  it('when full, bounds all strangers together', () => {
    const meter = createMeter({ windowMs: minute, limit: 2, maxKeys: 1 })
    meter.take('first', 1)
    let passed = 0
    for (let i = 0; i < 20_000; i++) passed += meter.take(`stranger ${i}`, 1).allowed ? 1 : 0
    expect(passed).toBe(2 * OVERFLOW_BUCKETS)
  })

  it('frees no key that moves from a shared bucket to a place of its own', () => {
    const meter = createMeter({ windowMs: minute, limit: 6, maxKeys: 1 })
    meter.take('first', 1)
    vi.advanceTimersByTime(90_000)
    expect(passing(meter, 'abuser', 1)).toBe(1)
    vi.advanceTimersByTime(50_000)
    expect(passing(meter, 'abuser', 9)).toBe(6)
    vi.advanceTimersByTime(10_000)
    // The table has turned and there is room for the key, but only a sixth of its quota is back.
    expect(passing(meter, 'abuser', 9)).toBe(1)
    expect(meter.size).toBe(1)
  })

  it('shares buckets differently in each process, so that nobody can aim at another', () => {
    const collides = () => {
      const meter = createMeter({ windowMs: minute, limit: 1, maxKeys: 1 })
      meter.take('first', 1)
      meter.take('victim', 1)
      return Array.from({ length: 5000 }, (_, i) => i)
        .filter((i) => !meter.take(`probe ${i}`, 1).allowed)
        .join()
    }
    expect(collides()).not.toBe(collides())
  })

  it('stays small under a million distinct keys', () => {
    const meter = createMeter({ windowMs: minute, limit: 600, maxKeys: 100_000 })
    const before = memory()
    let largest = 0
    for (let i = 0; i < 1_000_000; i++) {
      meter.take(`2001:db8:${i.toString(16)}::/56`, 1)
      largest = Math.max(largest, meter.size)
    }
    expect(largest).toBe(100_000)
    expect(memory() - before).toBeLessThan(30e6)
  }, 20_000)

  it('does not hold the headers that keys were cut out of', () => {
    const meter = createMeter({ windowMs: minute, limit: 600, maxKeys: 100_000 })
    const header = Buffer.alloc(15_000, 'x')
    const before = memory()
    for (let i = 0; i < 5000; i++) {
      header.write(`192.0.2.${i} seen by`)
      meter.take(header.toString('latin1').slice(0, 15), 1)
    }
    expect(meter.size).toBe(5000)
    expect(memory() - before).toBeLessThan(10e6)
  })
})

function memory(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
