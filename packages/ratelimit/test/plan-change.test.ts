import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { memoryMeters } from '../src/memory-meters.js'
import { generator, passing, take } from './take.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const minute = 60_000
const small = { limit: 60, windowMs: minute }
const large = { limit: 600, windowMs: minute }
const hourly = { limit: 3600, windowMs: 60 * minute }

describe('a plan that changes', () => {
  it('with its limit alone keeps the used share: up', () => {
    const meters = memoryMeters(10)
    take(meters, 'a', 30, small)
    expect(passing(meters, 'a', 1000, large)).toBe(300)
    vi.advanceTimersByTime(1000)
    expect(passing(meters, 'a', 1000, large)).toBe(10)
  })

  it('with its limit alone keeps the used share: down', () => {
    const meters = memoryMeters(10)
    take(meters, 'a', 300, large)
    expect(passing(meters, 'a', 1000, small)).toBe(30)
    vi.advanceTimersByTime(1000)
    expect(passing(meters, 'a', 1000, small)).toBe(1)
  })

  it('to a longer window forgets nothing that was used', () => {
    const meters = memoryMeters(10)
    expect(passing(meters, 'a', 100, small)).toBe(60)
    // A minute of the hour is used, as at 60 a minute.
    expect(passing(meters, 'a', 9999, hourly)).toBe(3540)
  })

  it('to a shorter window does not lock the principal out for the rest of the long one', () => {
    const meters = memoryMeters(10)
    expect(passing(meters, 'a', 9999, hourly)).toBe(3600)
    expect(take(meters, 'a', 1, small)).toEqual({ allowed: false, remaining: 0, waitMs: 1000 })
    vi.advanceTimersByTime(1000)
    expect(take(meters, 'a', 1, small).allowed).toBe(true)
    vi.advanceTimersByTime(minute)
    expect(passing(meters, 'a', 999, small)).toBe(60)
  })

  it('to a shorter window and back finds what it owed there', () => {
    const meters = memoryMeters(10)
    passing(meters, 'a', 9999, hourly)
    take(meters, 'a', 1, small)
    expect(take(meters, 'a', 1, hourly).allowed).toBe(false)
    vi.advanceTimersByTime(10_000)
    expect(passing(meters, 'a', 999, hourly)).toBe(10)
  })

  it('is not forgotten while anything is owed under a longer window', () => {
    const meters = memoryMeters(1000)
    passing(meters, 'a', 9999, hourly)
    take(meters, 'a', 1, small)
    vi.advanceTimersByTime(10 * minute)
    for (let i = 0; i < 100; i++) take(meters, `newcomer ${i}`, 1, small)
    expect(passing(meters, 'a', 9999, hourly)).toBe(600)
  })

  const plans = [small, large, hourly, { limit: 5, windowMs: 1000 }]

  it.each([1, 2, 3, 4, 5, 6])('at will gives no more than the better plan, storm %i', (seed) => {
    const random = generator(seed)
    const meters = memoryMeters(10)
    const startMs = performance.now()
    // What a unit costs in time under its plan: one account for all of them.
    let spentMs = 0
    for (let i = 0; i < 3000; i++) {
      const plan = plans[Math.floor(random() * plans.length)] ?? small
      const units = Math.ceil(random() * random() * plan.limit)
      if (take(meters, 'a', units, plan).allowed) spentMs += (units * plan.windowMs) / plan.limit
      vi.advanceTimersByTime(random() < 0.1 ? random() * 10_000 : random() * 100)
    }
    const elapsedMs = performance.now() - startMs
    // The whole of the longest window and what came back meanwhile: nothing is lost either.
    expect(spentMs).toBeGreaterThan(hourly.windowMs)
    expect(spentMs).toBeLessThanOrEqual(hourly.windowMs + elapsedMs + 1)
  })

  it.each([1, 2, 3, 4, 5, 6])(
    'never waits longer than the units cost under the new plan, storm %i',
    (seed) => {
      const random = generator(seed)
      const meters = memoryMeters(10)
      for (let i = 0; i < 3000; i++) {
        const plan = plans[Math.floor(random() * plans.length)] ?? small
        const units = Math.ceil(random() * plan.limit)
        const { allowed, waitMs } = take(meters, 'a', units, plan)
        if (!allowed)
          expect(waitMs).toBeLessThanOrEqual((units * plan.windowMs) / plan.limit + 0.01)
        vi.advanceTimersByTime(random() * 1000)
      }
    },
  )
})
