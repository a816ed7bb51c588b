import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { outgoingHeaders, policy, remainingMs, withDeadline } from '../src/index.js'

describe('withDeadline', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('gives the work its time, and everything that it awaits what is left', async () => {
    await withDeadline(1_000, async (timeoutMs) => {
      expect(timeoutMs).toBe(1_000)
      await vi.advanceTimersByTimeAsync(300)
      expect(remainingMs()).toBe(700)
      await vi.advanceTimersByTimeAsync(800)
      expect(remainingMs()).toBe(0)
    })
    expect(remainingMs()).toBeUndefined()
  })

  it('only ever shrinks: one inside another cannot buy time', async () => {
    await withDeadline(500, async () => {
      await vi.advanceTimersByTimeAsync(100)
      expect(withDeadline(10_000, (timeoutMs) => timeoutMs)).toBe(400)
      expect(withDeadline(Number.POSITIVE_INFINITY, (timeoutMs) => timeoutMs)).toBe(400)
      expect(withDeadline(200, () => withDeadline(300, (timeoutMs) => timeoutMs))).toBe(200)
      expect(remainingMs()).toBe(400)
      await vi.advanceTimersByTimeAsync(400)
      expect(withDeadline(200, (timeoutMs) => timeoutMs)).toBe(0)
    })
  })

  it('takes less than nothing for nothing, and refuses what is no number', () => {
    expect(withDeadline(-5, (timeoutMs) => timeoutMs)).toBe(0)
    for (const wrong of [Number.NaN, '5', undefined]) {
      expect(() => withDeadline(wrong as number, () => 1)).toThrow(
        expect.objectContaining({ code: 'ERR_RESILIENCE_OPTION' }),
      )
    }
  })

  it('without a bound is no deadline', () => {
    expect(withDeadline(Number.POSITIVE_INFINITY, () => remainingMs())).toBeUndefined()
    expect(withDeadline(Number.POSITIVE_INFINITY, (timeoutMs) => timeoutMs)).toBe(
      Number.POSITIVE_INFINITY,
    )
  })

  it('bounds a run of a policy, which begins nothing once it is over', async () => {
    const guarded = policy('db')
    await withDeadline(500, async () => {
      expect(await guarded.run(() => remainingMs())).toBe(500)
      await vi.advanceTimersByTimeAsync(500)
      const work = vi.fn()
      await expect(guarded.run(work, { idempotent: true })).rejects.toMatchObject({
        code: 'ERR_RESILIENCE_TIMEOUT',
        scope: 'total',
      })
      expect(work).not.toHaveBeenCalled()
    })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('tells the next hop what is left, in whole milliseconds and never 0', async () => {
    expect(outgoingHeaders()).toEqual({})
    await withDeadline(100.7, async () => {
      expect(outgoingHeaders()).toEqual({ 'X-Request-Timeout-Ms': '100' })
      await vi.advanceTimersByTimeAsync(200)
      expect(outgoingHeaders()).toEqual({ 'X-Request-Timeout-Ms': '1' })
    })
  })

  it('what one caller does with its headers reaches nobody else', () => {
    withDeadline(100, () => {
      outgoingHeaders().traceparent = 'x'
      expect(outgoingHeaders()).not.toHaveProperty('traceparent')
    })
  })
})

it('keeps concurrent scopes apart', async () => {
  const left = await Promise.all(
    [1_000, 20_000, 300_000].map((timeoutMs) =>
      withDeadline(timeoutMs, async () => {
        await sleep(5)
        return remainingMs() ?? 0
      }),
    ),
  )
  expect(left.map((ms) => [ms > 0, Math.ceil(ms / 1_000)])).toEqual([
    [true, 1],
    [true, 20],
    [true, 300],
  ])
})
