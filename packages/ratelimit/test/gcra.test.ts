import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { memoryMeters } from '../src/memory-meters.js'
import { generator, type Policy, passing, take } from './take.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

interface Passed {
  atMs: number
  units: number
}
type Count = (units: number) => boolean

/** Asks at random moments for random numbers of units, some of them for all there is at once. */
function storm(seed: number, { limit, windowMs }: Policy, count: Count): Passed[] {
  const random = generator(seed)
  const passed: Passed[] = []
  let atMs = 0
  for (let i = 0; i < 600; i++) {
    const stepMs = random() < 0.2 ? random() * windowMs : random() * (windowMs / limit)
    vi.advanceTimersByTime(stepMs)
    atMs += stepMs
    const tries = random() < 0.1 ? limit * 2 : 1
    for (let j = 0; j < tries; j++) {
      const units = random() < 0.8 ? 1 : 1 + Math.floor(random() * limit)
      if (count(units)) passed.push({ atMs, units })
    }
  }
  return passed
}

/** By how much the busiest span is above `limit × (1 + span / window)`, as a share of the limit; 0 or less is within it. */
function excess(passed: readonly Passed[], { limit, windowMs }: Policy): number {
  let worst = -1
  for (const [first, { atMs }] of passed.entries()) {
    let units = 0
    for (let last = first; last < passed.length; last++) {
      const end = passed[last] ?? { atMs, units: 0 }
      units += end.units
      worst = Math.max(worst, units / limit - 1 - (end.atMs - atMs) / windowMs)
    }
  }
  return worst
}

function metered(policy: Policy): Count {
  const meters = memoryMeters(10)
  return (units) => take(meters, 'a', units, policy).allowed
}

/** What most limiters do: count, and start again at 0 when the window is over. */
function fixedWindow({ limit, windowMs }: Policy): Count {
  let window = 0
  let used = 0
  return (units) => {
    const current = Math.floor(performance.now() / windowMs)
    if (current !== window) used = 0
    window = current
    if (used + units > limit) return false
    used += units
    return true
  }
}

const policies = [
  { limit: 1, windowMs: 1000 },
  { limit: 7, windowMs: 1000 },
  { limit: 20, windowMs: 1003 },
  { limit: 33, windowMs: 60_000 },
]
const storms = policies.flatMap((policy) => [1, 2, 3, 4, 5].map((seed) => ({ ...policy, seed })))

describe('no span of s ms lets more pass than limit × (1 + s / windowMs)', () => {
  it.each(storms)('for $limit in $windowMs ms, storm $seed', ({ seed, ...policy }) => {
    const passed = storm(seed, policy, metered(policy))
    expect(passed.length).toBeGreaterThan(50)
    // A thousandth of a unit is what sums of fractions are forgiven.
    expect(excess(passed, policy)).toBeLessThanOrEqual(0.001 / policy.limit)
  })

  it('which fixed windows do not keep to under the same storms', () => {
    const policy = { limit: 20, windowMs: 1003 }
    const worst = [1, 2, 3, 4, 5].map((seed) =>
      excess(storm(seed, policy, fixedWindow(policy)), policy),
    )
    expect(Math.max(...worst)).toBeGreaterThan(0.5)
  })
})

describe('at every edge of a window', () => {
  const policy = { limit: 600, windowMs: 60_000 }

  it('a fixed window lets double pass within a second, this one a second\u2019s share more', () => {
    for (let edge = 1; edge <= 20; edge++) {
      const [fixed, metering] = [fixedWindow(policy), memoryMeters(10)]
      const untilMs = 60_000 - (performance.now() % 60_000) - 500
      vi.advanceTimersByTime(untilMs + (untilMs < 0 ? 60_000 : 0))
      const burst = () => Array.from({ length: 1000 }, () => fixed(1)).filter(Boolean).length
      const before = [burst(), passing(metering, 'a', 1000, policy)]
      vi.advanceTimersByTime(1000)
      expect([before, [burst(), passing(metering, 'a', 1000, policy)]]).toEqual([
        [600, 600],
        [600, 10],
      ])
    }
  })

  it('wherever the first request starts', () => {
    for (let startMs = 0; startMs <= 120_000; startMs += 7919) {
      const meters = memoryMeters(10)
      vi.advanceTimersByTime(startMs)
      const before = passing(meters, 'a', 1000, policy)
      vi.advanceTimersByTime(1000)
      expect([before, passing(meters, 'a', 1000, policy)]).toEqual([600, 10])
    }
  })
})

it('lets everything pass that the bound allows: who asks steadily gets the whole rate', () => {
  const policy = { limit: 50, windowMs: 1000 }
  const count = metered(policy)
  let passed = 0
  for (let ms = 0; ms < 10_000; ms += 4) {
    vi.advanceTimersByTime(4)
    passed += count(1) ? 1 : 0
  }
  expect(passed).toBeGreaterThanOrEqual(50 * 11 - 1)
})
