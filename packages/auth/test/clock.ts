import { afterEach, vi } from 'vitest'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** Stops the wall clock and the monotonic one; the test moves both. Timers stay real, so that requests go on. */
export function stopClock(start = '2026-06-01T00:00:00Z') {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.parse(start) })
  // Whole, so that sums are exact.
  let monotonicMs = Math.ceil(performance.now())
  vi.spyOn(performance, 'now').mockImplementation(() => monotonicMs)
  return {
    seconds: () => Math.floor(Date.now() / 1000),
    advance(ms: number) {
      monotonicMs += ms
      vi.setSystemTime(Date.now() + ms)
    },
  }
}
