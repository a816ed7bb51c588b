import { afterEach, describe, expect, it, vi } from 'vitest'
import { bulkhead } from '../src/bulkhead.js'
import { policy } from '../src/index.js'
import { type Lifetime, lifetime } from '../src/lifetime.js'
import { gate, outcomeOf, recorder } from './support.js'

const lives: Lifetime[] = []
afterEach(() => {
  for (const life of lives.splice(0)) life.release()
})

function living(signal?: AbortSignal) {
  const life = lifetime(60_000, signal, () => new Error('time'))
  lives.push(life)
  return life
}
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('bulkhead', () => {
  it('lets so many in, queues so many, and refuses the next at once', async () => {
    const places = bulkhead('db', 2, 1)
    await places.enter(living())
    await places.enter(living())
    void places.enter(living())
    expect([places.running, places.queued]).toEqual([2, 1])
    await expect(places.enter(living())).rejects.toMatchObject({
      name: 'FullError',
      code: 'ERR_RESILIENCE_FULL',
      transient: false,
    })
    expect([places.running, places.queued]).toEqual([2, 1])
  })

  it('serves who came first, and whoever comes now cannot slip in before', async () => {
    const places = bulkhead('db', 1, 10)
    const leave = await places.enter(living())
    const order: number[] = []
    const leaves = [1, 2, 3].map((n) =>
      places.enter(living()).then((left) => {
        order.push(n)
        return left
      }),
    )
    leave()
    const late = places.enter(living()).then(() => order.push(4))
    for (const next of leaves) (await next)()
    await late
    expect(order).toEqual([1, 2, 3, 4])
    expect([places.running, places.queued]).toEqual([1, 0])
  })

  it('a waiter that aborts leaves at once and frees its place, and those behind move up', async () => {
    const places = bulkhead('db', 1, 2)
    const leave = await places.enter(living())
    const first = new AbortController()
    const gone = outcomeOf(places.enter(living(first.signal)))
    const second = places.enter(living())
    await expect(places.enter(living())).rejects.toMatchObject({ code: 'ERR_RESILIENCE_FULL' })
    first.abort('gone')
    expect(places.queued).toBe(1)
    expect(await gone).toEqual({ error: 'gone' })
    const third = places.enter(living())
    expect(places.queued).toBe(2)
    leave()
    ;(await second)()
    ;(await third)()
    expect([places.running, places.queued]).toEqual([0, 0])
  })

  it('leaving twice frees one place only', async () => {
    const places = bulkhead('db', 2, 0)
    const leave = await places.enter(living())
    await places.enter(living())
    leave()
    leave()
    expect(places.running).toBe(1)
  })

  it('a wait that ended well leaves no listener', async () => {
    const places = bulkhead('db', 1, 1)
    const leave = await places.enter(living())
    const life = living()
    const takeBack = vi.fn()
    const waiting = places.enter({ ...life, onOver: () => takeBack })
    expect(takeBack).not.toHaveBeenCalled()
    leave()
    await waiting
    expect(takeBack).toHaveBeenCalledTimes(1)
  })

  it('lets nobody in who has aborted', async () => {
    const places = bulkhead('db', 1, 1)
    await expect(places.enter(living(AbortSignal.abort('gone')))).rejects.toBe('gone')
    expect(places.running).toBe(0)
  })
})

describe('in a policy', () => {
  it('never runs more than it may, however the work ends', async () => {
    const guarded = policy('db', { bulkhead: { concurrency: 5, queue: 500 }, breaker: false })
    let running = 0
    let most = 0
    const runs = Array.from({ length: 500 }, (_, i) =>
      outcomeOf(
        guarded.run(async () => {
          most = Math.max(most, ++running)
          await settled()
          running--
          if (i % 3 === 0) throw new Error('no')
        }),
      ),
    )
    await Promise.all(runs)
    expect(most).toBe(5)
    expect([guarded.running, guarded.queued]).toEqual([0, 0])
  })

  it('tells of a refusal, and does not retry it', async () => {
    const { onEvent, events } = recorder()
    const guarded = policy('db', { bulkhead: { concurrency: 1, queue: 0 }, onEvent })
    const work = gate()
    const holder = guarded.run(() => work.promise)
    await settled()
    await expect(guarded.run(() => 1, { idempotent: true })).rejects.toMatchObject({
      code: 'ERR_RESILIENCE_FULL',
    })
    expect(events).toMatchObject([{ type: 'rejected', why: 'full' }, { type: 'failure' }])
    work.open()
    await holder
  })

  it('gives the place back while waiting for a retry', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1)
    const guarded = policy('db', {
      bulkhead: { concurrency: 1, queue: 0 },
      retry: { minDelayMs: 200 },
    })
    const transient = Object.assign(new Error('busy'), { transient: true })
    let calls = 0
    const run = guarded.run(
      () => {
        if (++calls === 1) throw transient
        return 'second'
      },
      { idempotent: true },
    )
    await settled()
    await settled()
    expect(await guarded.run(() => 'other')).toBe('other')
    expect(await run).toBe('second')
    vi.restoreAllMocks()
  })

  it('without one runs everything at once', async () => {
    const guarded = policy('db', { bulkhead: false })
    const work = gate()
    const runs = Array.from({ length: 1_000 }, () => guarded.run(() => work.promise))
    await settled()
    expect([guarded.running, guarded.queued]).toEqual([1_000, 0])
    work.open()
    await Promise.all(runs)
    expect(guarded.running).toBe(0)
  })
})
