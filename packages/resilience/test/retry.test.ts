import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { backoffMs, sleep } from '../src/backoff.js'
import { policy, type RetryOptions, withDeadline } from '../src/index.js'
import { lifetime } from '../src/lifetime.js'
import { retryBudget } from '../src/retry-budget.js'
import { failWith, outcomeOf, recorder, reset } from './support.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

function make(retry: RetryOptions = {}, totalMs = 10_000) {
  const record = recorder()
  const options = { breaker: false, onEvent: record.onEvent } as const
  return { guarded: policy('db', { ...options, retry, timeout: { totalMs } }), ...record }
}

/** Lets every timer fire, and gives what the run came to. */
async function through<T>(run: Promise<T>) {
  const outcome = outcomeOf(run)
  await vi.runAllTimersAsync()
  return outcome
}

describe('retries', () => {
  it('tries again after what is transient, counting attempts', async () => {
    const { guarded, events } = make()
    const work = vi.fn(({ number }: { number: number }) => {
      if (number < 3) throw reset()
      return 'third'
    })
    expect(await through(guarded.run(work, { idempotent: true }))).toEqual({ value: 'third' })
    expect(work.mock.calls.map(([{ number }]) => number)).toEqual([1, 2, 3])
    expect(events).toMatchObject([
      { policy: 'db', type: 'retry', attempt: 2, error: { code: 'ECONNRESET' } },
      { type: 'retry', attempt: 3 },
      { type: 'success' },
    ])
  })

  it('gives up after the last attempt with what it failed with', async () => {
    const { guarded } = make({ attempts: 2 })
    const work = vi.fn(failWith(reset()))
    expect(await through(guarded.run(work, { idempotent: true }))).toMatchObject({
      error: { code: 'ECONNRESET' },
    })
    expect(work).toHaveBeenCalledTimes(2)
  })

  it.each([[{}], [{ idempotent: false }], [undefined]])(
    'never repeats work that is not said to be idempotent (%o): a payment is made once',
    async (options) => {
      const { guarded, types } = make({ isRetryable: () => true })
      const work = vi.fn(failWith(reset()))
      await through(guarded.run(work, options))
      expect(work).toHaveBeenCalledTimes(1)
      expect(types()).toEqual(['failure'])
    },
  )

  it('never repeats what is not transient', async () => {
    const { guarded } = make()
    const work = vi.fn(failWith(new Error('constraint violated')))
    await through(guarded.run(work, { idempotent: true }))
    expect(work).toHaveBeenCalledTimes(1)
  })

  it('tries again after the timeout of an attempt', async () => {
    const { guarded } = make()
    const work = vi.fn(({ number }) => (number === 1 ? new Promise(() => {}) : 'second'))
    expect(await through(guarded.run(work, { idempotent: true }))).toEqual({ value: 'second' })
  })

  it('stops waiting as soon as the caller gives up', async () => {
    const { guarded } = make({ minDelayMs: 5_000 })
    vi.spyOn(Math, 'random').mockReturnValue(1)
    const caller = new AbortController()
    const work = vi.fn(failWith(reset()))
    const run = outcomeOf(guarded.run(work, { idempotent: true, signal: caller.signal }))
    await vi.advanceTimersByTimeAsync(100)
    caller.abort('gone')
    expect(await run).toEqual({ error: 'gone' })
    expect(work).toHaveBeenCalledTimes(1)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('time', () => {
  it('begins no wait that ends after the deadline', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1)
    const { guarded, events } = make({ minDelayMs: 500 })
    const work = vi.fn(failWith(reset()))
    const startedAt = performance.now()
    const run = withDeadline(300, () => guarded.run(work, { idempotent: true }))
    await expect(run).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(performance.now()).toBe(startedAt)
    expect(work).toHaveBeenCalledTimes(1)
    expect(events[0]).toMatchObject({ type: 'retry-refused', why: 'deadline' })
  })

  it('honours retryAfterMs as the least wait, with jitter on top', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const { guarded, events } = make()
    const busy = Object.assign(new Error('busy'), { transient: true, retryAfterMs: 2_000 })
    await through(guarded.run(failWith(busy), { idempotent: true }))
    expect(events.slice(0, 2)).toMatchObject([
      { type: 'retry', delayMs: 2_050 },
      { type: 'retry', delayMs: 2_100 },
    ])
  })

  it.each([10_001, 86_400_000, Number.POSITIVE_INFINITY])(
    'gives up when asked to wait %d ms, longer than it may',
    async (retryAfterMs) => {
      const { guarded, events } = make({}, 60_000)
      const busy = Object.assign(new Error('busy'), { transient: true, retryAfterMs })
      const work = vi.fn(failWith(busy))
      await through(guarded.run(work, { idempotent: true }))
      expect(work).toHaveBeenCalledTimes(1)
      expect(events[0]).toMatchObject({ type: 'retry-refused', why: 'retry-after', error: busy })
    },
  )

  it.each([-5, Number.NaN, '3', null])('takes no notice of retryAfterMs %s', async (asked) => {
    const { guarded, events } = make({ attempts: 2 })
    const busy = Object.assign(new Error('busy'), { transient: true, retryAfterMs: asked })
    await through(guarded.run(failWith(busy), { idempotent: true }))
    const [retry] = events
    expect(retry).toMatchObject({ type: 'retry', delayMs: expect.any(Number) })
    expect((retry as { delayMs: number }).delayMs).toBeLessThanOrEqual(100)
  })
})

describe('backoff', () => {
  it('doubles up to the maximum', () => {
    const caps = [1, 2, 3, 7, 60, 5_000].map((n) => backoffMs(n, 100, 5_000, () => 1))
    expect(caps).toEqual([100, 200, 400, 5_000, 5_000, 5_000])
    expect(backoffMs(3, 100, 5_000, () => 0)).toBe(0)
  })

  it('is spread evenly from 0 to its cap, so that callers that failed together part', () => {
    const tenths = new Array<number>(10).fill(0)
    const draws = 20_000
    for (let i = 0; i < draws; i++) {
      const tenth = Math.floor(backoffMs(2, 100, 5_000) / 20)
      tenths[tenth] = (tenths[tenth] ?? 0) + 1
    }
    expect(tenths).toHaveLength(10)
    // Each holds 2,000 with a standard deviation of 42: ten of them never stray by chance.
    for (const count of tenths) expect(Math.abs(count - draws / 10)).toBeLessThan(420)
  })

  it('sleep ends at once when the run is over', async () => {
    const life = lifetime(60_000, AbortSignal.abort('gone'), () => new Error('time'))
    await expect(sleep(1_000, life)).rejects.toBe('gone')
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('budget', () => {
  it('a storm: of 1,000 failing calls in ten seconds no more are repeated than the budget has', async () => {
    const [share, perSecond, seconds] = [0.2, 10, 10]
    const { guarded, events } = make({ budget: { share, perSecond }, minDelayMs: 1, maxDelayMs: 1 })
    const work = vi.fn(failWith(reset()))
    const runs: Promise<unknown>[] = []
    for (let i = 0; i < 1_000; i++) {
      runs.push(outcomeOf(guarded.run(work, { idempotent: true })))
      await vi.advanceTimersByTimeAsync((seconds * 1_000) / 1_000)
    }
    await vi.runAllTimersAsync()
    await Promise.all(runs)
    const retries = work.mock.calls.length - 1_000
    // The second under way counts as a whole one.
    expect(retries).toBeLessThanOrEqual(share * 1_000 + perSecond * (seconds + 1))
    expect(retries).toBeGreaterThan(100)
    expect(events.filter((e) => e.type === 'retry')).toHaveLength(retries)
    expect(events).toContainEqual(expect.objectContaining({ type: 'retry-refused', why: 'budget' }))
  })

  it('a storm at once: 1,000 calls that fail together', async () => {
    const { guarded } = make({ minDelayMs: 1, maxDelayMs: 1 })
    const work = vi.fn(failWith(reset()))
    const runs = Array.from({ length: 1_000 }, () =>
      outcomeOf(guarded.run(work, { idempotent: true })),
    )
    await vi.runAllTimersAsync()
    await Promise.all(runs)
    expect(work.mock.calls.length).toBeLessThanOrEqual(1_000 + 0.2 * 1_000 + 10)
  })

  it('calls that an open breaker refused pay for no retries when it has closed', async () => {
    const budget = { share: 0.2, perSecond: 0 }
    const guarded = policy('db', {
      retry: { budget, minDelayMs: 1, maxDelayMs: 1 },
      breaker: { minimumCalls: 100 },
    })
    for (let i = 0; i < 100; i++) await outcomeOf(guarded.run(failWith(new Error('down'))))
    for (let i = 0; i < 5_000; i++) await outcomeOf(guarded.run(() => 1))
    await vi.advanceTimersByTimeAsync(10_000)
    await guarded.run(() => 1)
    const work = vi.fn(failWith(reset()))
    const runs = Array.from({ length: 50 }, () => guarded.run(work, { idempotent: true }))
    await Promise.all(runs.map(through))
    expect(guarded.state).toBe('closed')
    expect(work.mock.calls.length).toBeLessThanOrEqual(50 + 0.2 * (100 + 1 + 50))
    guarded.close()
  })

  it('what a good hour has saved up is no credit for a storm', async () => {
    const budget = retryBudget(0.2, 0)
    for (let i = 0; i < 36_000; i++) {
      budget.deposit()
      await vi.advanceTimersByTimeAsync(100)
    }
    let retries = 0
    while (budget.withdraw()) retries++
    // 10 calls a second for the ten seconds that count, not 36,000.
    expect(retries).toBeLessThanOrEqual(0.2 * 10 * 10 + 1)
    expect(retries).toBeGreaterThan(10)
  })

  it('a quiet hour saves up one second of retries and no more', () => {
    const budget = retryBudget(0, 10)
    vi.advanceTimersByTime(3_600_000)
    let retries = 0
    while (budget.withdraw()) retries++
    expect(retries).toBe(10)
  })

  it('lets a quiet server retry, and is empty for one that may not', () => {
    const quiet = retryBudget(0, 0.5)
    expect([quiet.withdraw(), quiet.withdraw()]).toEqual([true, false])
    vi.advanceTimersByTime(2_000)
    expect([quiet.withdraw(), quiet.withdraw()]).toEqual([true, false])
    const none = retryBudget(0, 0)
    none.deposit()
    vi.advanceTimersByTime(60_000)
    expect(none.withdraw()).toBe(false)
  })
})
