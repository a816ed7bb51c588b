import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { lineLimit } from '../src/line-limit.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

it('lets so many through a second, and tells how many it left out when the second is over', () => {
  const write = vi.fn()
  const omitted = vi.fn()
  const limited = lineLimit(3, omitted)
  for (let i = 0; i < 10; i++) limited(write)
  expect(write).toHaveBeenCalledTimes(3)
  expect(omitted).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1_000)
  expect(omitted.mock.calls).toEqual([[7]])
  limited(write)
  expect(write).toHaveBeenCalledTimes(4)
  vi.advanceTimersByTime(10_000)
  expect(omitted).toHaveBeenCalledTimes(1)
  expect(vi.getTimerCount()).toBe(0)
})
