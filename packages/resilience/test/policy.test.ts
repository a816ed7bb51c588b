import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { attempt } from '../src/attempt.js'
import { isTransient, policy, remainingMs } from '../src/index.js'
import { lifetime } from '../src/lifetime.js'
import { failWith, gate, never, outcomeOf, recorder, reset } from './support.js'

describe('run', () => {
  it('gives what the work gives, with a number and a signal', async () => {
    const { onEvent, events } = recorder()
    const guarded = policy('db', { onEvent })
    expect(await guarded.run(({ number, signal }) => [number, signal.aborted])).toEqual([1, false])
    expect(events).toEqual([{ policy: 'db', type: 'success', durationMs: expect.any(Number) }])
    expect([guarded.state, guarded.running, guarded.queued]).toEqual(['closed', 0, 0])
  })

  it('rejects with the very error that the work threw, also at once', async () => {
    const error = new Error('wrong')
    const guarded = policy('db')
    await expect(
      guarded.run(() => {
        throw error
      }),
    ).rejects.toBe(error)
  })

  it('runs nothing for a caller that has given up already', async () => {
    const work = vi.fn()
    const reason = new Error('gone')
    const run = policy('db').run(work, { signal: AbortSignal.abort(reason), idempotent: true })
    await expect(run).rejects.toBe(reason)
    expect(work).not.toHaveBeenCalled()
  })

  it('ends with the reason of the caller and hands it to the work, which is not tried again', async () => {
    const caller = new AbortController()
    const reason = Object.assign(new Error('gone'), { transient: true })
    const seen: AbortSignal[] = []
    const { onEvent, types } = recorder()
    const run = outcomeOf(
      policy('db', { onEvent }).run(
        ({ signal }) => {
          seen.push(signal)
          return never()
        },
        { signal: caller.signal, idempotent: true },
      ),
    )
    await vi.waitFor(() => expect(seen).toHaveLength(1))
    caller.abort(reason)
    expect(await run).toEqual({ error: reason })
    expect(seen.map((signal) => signal.reason)).toEqual([reason])
    expect(types()).toEqual(['failure'])
  })

  it('keeps policies apart: what opens one leaves the other alone', async () => {
    const [bad, good] = [policy('bad'), policy('good')]
    for (let i = 0; i < 10; i++) await outcomeOf(bad.run(failWith(reset())))
    expect([bad.state, good.state]).toEqual(['open', 'closed'])
  })
})

describe('time', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('ends an attempt at its timeout, and aborts its signal', async () => {
    const { onEvent, types } = recorder()
    const guarded = policy('db', { onEvent, timeout: { attemptMs: 50 } })
    let given: AbortSignal | undefined
    const run = outcomeOf(
      guarded.run(({ signal }) => {
        given = signal
        return never()
      }),
    )
    await vi.advanceTimersByTimeAsync(50)
    const error = { name: 'TimeoutError', code: 'ERR_RESILIENCE_TIMEOUT', scope: 'attempt' }
    expect(await run).toMatchObject({ error: { ...error, transient: true } })
    expect(given?.reason).toMatchObject(error)
    expect(types()).toEqual(['timeout', 'failure'])
  })

  it('ends the whole run at its timeout, however many attempts are left', async () => {
    const { onEvent, events } = recorder()
    const guarded = policy('db', { onEvent, timeout: { totalMs: 100, attemptMs: 40 } })
    const startedAt = performance.now()
    const run = outcomeOf(guarded.run(never, { idempotent: true }))
    await vi.advanceTimersByTimeAsync(100)
    expect(await run).toMatchObject({ error: { code: 'ERR_RESILIENCE_TIMEOUT' } })
    expect(performance.now() - startedAt).toBeLessThanOrEqual(100)
    expect(events.at(-1)).toMatchObject({ type: 'failure' })
  })

  it('counts waiting for a place', async () => {
    const guarded = policy('db', {
      bulkhead: { concurrency: 1 },
      timeout: { totalMs: 100, attemptMs: 5_000 },
    })
    const holder = outcomeOf(guarded.run(never, { signal: AbortSignal.timeout(60_000) }))
    const waiter = outcomeOf(guarded.run(() => 1))
    await vi.advanceTimersByTimeAsync(0)
    expect(guarded.queued).toBe(1)
    await vi.advanceTimersByTimeAsync(100)
    expect(await waiter).toMatchObject({ error: { scope: 'total' } })
    expect(guarded.queued).toBe(0)
    await holder
  })

  it('tells the work what is left of it: that of the attempt', async () => {
    const guarded = policy('db', { timeout: { totalMs: 1_000, attemptMs: 400 } })
    expect(await guarded.run(() => remainingMs())).toBe(400)
    expect(await policy('x', { timeout: { totalMs: 300 } }).run(() => remainingMs())).toBe(300)
  })
})

describe('work that ignores its signal', () => {
  const unhandled = vi.fn()
  beforeEach(() => {
    process.on('unhandledRejection', unhandled)
  })
  afterEach(() => {
    process.off('unhandledRejection', unhandled)
    unhandled.mockReset()
  })
  const macrotask = () => new Promise((resolve) => setTimeout(resolve, 20))

  it('is abandoned: its late result is dropped, its late failure is no unhandled rejection', async () => {
    const { onEvent, types } = recorder()
    const guarded = policy('db', { onEvent, timeout: { attemptMs: 10 } })
    const late = [gate<string>(), gate<string>()]
    const runs = await Promise.all(late.map((work) => outcomeOf(guarded.run(() => work.promise))))
    for (const run of runs) expect(run).toMatchObject({ error: { scope: 'attempt' } })
    const before = types().length
    late[0]?.open('late')
    late[1]?.fail(new Error('late'))
    await macrotask()
    expect(types()).toHaveLength(before)
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('keeps its place until it ends', async () => {
    const guarded = policy('db', { timeout: { attemptMs: 500 } })
    const work = gate()
    const caller = new AbortController()
    const run = outcomeOf(guarded.run(() => work.promise, { signal: caller.signal }))
    await macrotask()
    caller.abort()
    await run
    expect(guarded.running).toBe(1)
    work.fail(new Error('late'))
    await macrotask()
    expect(guarded.running).toBe(0)
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('keeps it for one more attempt at most, so that hung work cannot block for ever', async () => {
    const guarded = policy('db', {
      timeout: { attemptMs: 30 },
      bulkhead: { concurrency: 2, queue: 0 },
      breaker: false,
    })
    await Promise.all([1, 2].map(() => outcomeOf(guarded.run(never))))
    expect(guarded.running).toBe(2)
    await expect(guarded.run(() => 1)).rejects.toMatchObject({ code: 'ERR_RESILIENCE_FULL' })
    await vi.waitFor(() => expect(guarded.running).toBe(0))
    expect(await guarded.run(() => 1)).toBe(1)
  })

  it('attempt calls onGone once, however it went', async () => {
    const onGone = vi.fn()
    const onTimeout = () => new Error('time')
    const limits = { life: lifetime(60_000, undefined, onTimeout), onTimeout, onGone, graceMs: 5 }
    await attempt(() => 1, { timeoutMs: 1_000, ...limits })
    await macrotask()
    expect(onGone).toHaveBeenCalledTimes(1)
    const over = lifetime(0, undefined, onTimeout)
    await outcomeOf(attempt(never, { timeoutMs: 1_000, ...limits, life: over }))
    await macrotask()
    expect(onGone).toHaveBeenCalledTimes(2)
    await outcomeOf(attempt(never, { timeoutMs: 1, ...limits }))
    await macrotask()
    expect(onGone).toHaveBeenCalledTimes(3)
    limits.life.release()
  })
})

describe('what it leaves behind', () => {
  it('nothing: no listener and no timer after 10,000 runs on one signal, good, bad and cancelled', async () => {
    vi.useFakeTimers()
    try {
      const guarded = policy('db', {
        breaker: false,
        bulkhead: { concurrency: 5, queue: 100 },
        retry: { minDelayMs: 1, maxDelayMs: 1 },
      })
      const shared = new AbortController()
      const warned = vi.fn()
      process.on('warning', warned)
      for (let batch = 0; batch < 100; batch++) {
        const runs = Array.from({ length: 100 }, (_, i) => {
          const work = i % 2 ? () => i : failWith(reset())
          return outcomeOf(guarded.run(work, { signal: shared.signal, idempotent: i % 3 === 0 }))
        })
        await vi.runAllTimersAsync()
        await Promise.all(runs)
      }
      expect(getEventListeners(shared.signal, 'abort')).toHaveLength(0)
      expect(vi.getTimerCount()).toBe(0)
      expect([guarded.running, guarded.queued]).toEqual([0, 0])
      const cancelled = Array.from({ length: 50 }, () =>
        outcomeOf(guarded.run(({ signal }) => listening(signal), { signal: shared.signal })),
      )
      await vi.advanceTimersByTimeAsync(0)
      expect([guarded.running, guarded.queued]).toEqual([5, 45])
      shared.abort()
      await Promise.all(cancelled)
      await vi.advanceTimersByTimeAsync(0)
      expect([guarded.running, guarded.queued]).toEqual([0, 0])
      expect(getEventListeners(shared.signal, 'abort')).toHaveLength(0)
      expect(vi.getTimerCount()).toBe(0)
      expect(warned).not.toHaveBeenCalled()
      process.off('warning', warned)
    } finally {
      vi.useRealTimers()
    }
  })

  function listening(signal: AbortSignal) {
    return new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  }
})

describe('onEvent', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('listener')
      },
    ],
    ['rejects', () => Promise.reject(new Error('listener'))],
  ])('that %s changes nothing', async (_, onEvent) => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const guarded = policy('db', { onEvent, retry: { minDelayMs: 1, maxDelayMs: 1 } })
    let tries = 0
    const work = () => {
      if (++tries < 3) throw reset()
      return 'ok'
    }
    expect(await guarded.run(work, { idempotent: true })).toBe('ok')
    for (let i = 0; i < 10; i++) await outcomeOf(guarded.run(failWith(new Error('no'))))
    expect(guarded.state).toBe('open')
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(unhandled).not.toHaveBeenCalled()
    process.off('unhandledRejection', unhandled)
    guarded.close()
  })
})

describe('isTransient', () => {
  const ring: { cause?: unknown } = {}
  ring.cause = ring
  it.each([
    [true, reset()],
    [true, new Error('fetch failed', { cause: reset() })],
    [true, Object.assign(new Error(), { code: 'UND_ERR_HEADERS_TIMEOUT' })],
    [true, { transient: true }],
    [false, Object.assign(reset(), { transient: false })],
    [false, new DOMException('The operation was aborted', 'AbortError')],
    [false, new Error('plain')],
    [false, ring],
    [false, undefined],
    [false, null],
    [false, 'ECONNRESET'],
  ])('%s for %s', (expected, error) => {
    expect(isTransient(error)).toBe(expected)
  })
})
