import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { OpenError, type PolicyOptions, policy, withDeadline } from '../src/index.js'
import { failWith, gate, never, outcomeOf, recorder, reset } from './support.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const refusal = { code: 'ERR_RESILIENCE_OPEN', name: 'OpenError', transient: false }

function make(breaker: PolicyOptions['breaker'] = {}, more: PolicyOptions = {}) {
  const record = recorder()
  const guarded = policy('db', { breaker, onEvent: record.onEvent, ...more })
  const fails = (error: unknown = reset()) => outcomeOf(guarded.run(failWith(error)))
  const succeeds = () => outcomeOf(guarded.run(() => 'ok'))
  async function open() {
    for (let i = 0; i < 10; i++) await fails()
    expect(guarded.state).toBe('open')
  }
  async function halfOpen() {
    await open()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(guarded.state).toBe('half-open')
  }
  return { guarded, fails, succeeds, open, halfOpen, ...record }
}

describe('opening', () => {
  it('needs enough calls: nine failures of nine leave it closed, the tenth opens it', async () => {
    const { guarded, fails } = make()
    for (let i = 0; i < 9; i++) await fails()
    expect(guarded.state).toBe('closed')
    await fails()
    expect(guarded.state).toBe('open')
  })

  it('opens at the failure rate and not below it', async () => {
    const { guarded, fails, succeeds } = make({ failureRate: 0.5, minimumCalls: 4 })
    for (let i = 0; i < 10; i++) await succeeds()
    for (let i = 0; i < 9; i++) await fails()
    expect(guarded.state).toBe('closed')
    await fails()
    expect(guarded.state).toBe('open')
  })

  it('opens at a rate of 1, which opossum alone would never do', async () => {
    const { guarded, fails } = make({ failureRate: 1, minimumCalls: 3 })
    for (let i = 0; i < 3; i++) await fails()
    expect(guarded.state).toBe('open')
  })

  it('tells that it is closed when it is taken away, or a metric would show it open for ever', async () => {
    const { guarded, open, events } = make()
    await open()
    guarded.close()
    const states = events.filter((event) => event.type === 'state')
    expect(states.at(-1)).toMatchObject({ state: 'closed' })
    expect(guarded.state).toBe('closed')
  })

  it('forgets what left the window', async () => {
    const { guarded, fails } = make({ windowMs: 1_000 })
    for (let i = 0; i < 9; i++) await fails()
    await vi.advanceTimersByTimeAsync(1_001)
    await fails()
    expect(guarded.state).toBe('closed')
  })

  it('is not kept closed by calls that hang: they count once they have ended', async () => {
    const { guarded, fails } = make({}, { bulkhead: false })
    const hanging = Array.from({ length: 50 }, () => outcomeOf(guarded.run(never)))
    for (let i = 0; i < 10; i++) await fails()
    expect(guarded.state).toBe('open')
    await vi.advanceTimersByTimeAsync(20_000)
    await Promise.all(hanging)
  })

  it('opens for work that hangs', async () => {
    const { guarded } = make()
    const hanging = Array.from({ length: 10 }, () => outcomeOf(guarded.run(never)))
    await vi.advanceTimersByTimeAsync(3_000)
    await Promise.all(hanging)
    expect(guarded.state).toBe('open')
  })
})

describe('open', () => {
  it('refuses at once, runs nothing, and says why and until when', async () => {
    const { guarded, fails, open, types } = make()
    await open()
    await vi.advanceTimersByTimeAsync(4_000)
    const work = vi.fn()
    await expect(guarded.run(work)).rejects.toMatchObject({
      ...refusal,
      retryAfterMs: 6_000,
      cause: { code: 'ECONNRESET' },
    })
    expect(work).not.toHaveBeenCalled()
    expect(types().slice(-2)).toEqual(['rejected', 'failure'])
    expect(() => guarded.check()).toThrow(OpenError)
    await fails()
  })

  it('refuses before anyone waits for a place', async () => {
    const { guarded, open } = make({}, { bulkhead: { concurrency: 1, queue: 10 } })
    await open()
    const stuck = Array.from({ length: 3 }, () => outcomeOf(guarded.run(never)))
    expect(guarded.queued).toBe(0)
    expect(await Promise.all(stuck)).toMatchObject([
      { error: refusal },
      { error: refusal },
      { error: refusal },
    ])
  })

  it('does not retry: a refusal of load is not asked again', async () => {
    const { guarded, open, types } = make()
    await open()
    await expect(guarded.run(() => 1, { idempotent: true })).rejects.toMatchObject(refusal)
    expect(types()).not.toContain('retry')
  })

  it('is not opened again nor closed by calls from before', async () => {
    const { guarded, halfOpen } = make({}, { timeout: { attemptMs: 60_000, totalMs: 60_000 } })
    const good = gate<string>()
    const bad = gate()
    const early = [
      outcomeOf(guarded.run(() => good.promise)),
      outcomeOf(guarded.run(() => bad.promise)),
    ]
    await halfOpen()
    good.open('late')
    bad.fail(reset())
    expect(await Promise.all(early)).toMatchObject([{ value: 'late' }, { error: {} }])
    expect(guarded.state).toBe('half-open')
  })
})

describe('half-open', () => {
  it('lets one of fifty callers through and refuses the others at once', async () => {
    const { guarded, halfOpen } = make()
    await halfOpen()
    expect(() => guarded.check()).not.toThrow()
    const probe = gate<string>()
    const work = vi.fn(() => probe.promise)
    const callers = Array.from({ length: 50 }, () => outcomeOf(guarded.run(work)))
    const others = await Promise.all(callers.slice(1))
    expect(others).toHaveLength(49)
    for (const other of others) expect(other).toMatchObject({ error: refusal })
    expect(work).toHaveBeenCalledTimes(1)
    expect([guarded.running, guarded.queued]).toEqual([1, 0])
    probe.open('up')
    expect(await callers[0]).toEqual({ value: 'up' })
    expect(guarded.state).toBe('closed')
    expect(guarded.running).toBe(0)
  })

  it('opens again when the probe fails, for the whole time', async () => {
    const { guarded, fails, halfOpen, events } = make()
    await halfOpen()
    await fails()
    expect(guarded.state).toBe('open')
    await vi.advanceTimersByTimeAsync(9_999)
    expect(guarded.state).toBe('open')
    await vi.advanceTimersByTimeAsync(1)
    expect(guarded.state).toBe('half-open')
    expect(events.filter(({ type }) => type === 'state')).toMatchObject([
      { policy: 'db', state: 'open' },
      { state: 'half-open' },
      { state: 'open' },
      { state: 'half-open' },
    ])
  })

  it.each([
    ['under way', true],
    ['not begun', false],
  ])('a probe that its caller cancels, %s, does not close it and makes room', async (_, begun) => {
    const { guarded, halfOpen, succeeds } = make()
    await halfOpen()
    const caller = new AbortController()
    const work = vi.fn(never)
    const probe = outcomeOf(guarded.run(work, { signal: caller.signal }))
    if (begun) await vi.waitFor(() => expect(work).toHaveBeenCalled())
    caller.abort(new Error('gone'))
    expect(await probe).toMatchObject({ error: { message: 'gone' } })
    expect(guarded.state).toBe('half-open')
    expect(await succeeds()).toEqual({ value: 'ok' })
    expect(guarded.state).toBe('closed')
  })

  it('an error that is no failure neither closes it nor opens it again', async () => {
    const { guarded, fails, halfOpen, succeeds } = make()
    await halfOpen()
    await fails(Object.assign(new Error('not found'), { transient: false }))
    expect(guarded.state).toBe('half-open')
    await succeeds()
    expect(guarded.state).toBe('closed')
  })

  it('an answer of a dependency that works closes it, also one that asks to come later', async () => {
    const busy = Object.assign(new Error('busy'), { transient: true, status: 429 })
    let throttles = false
    const { guarded, fails, halfOpen } = make({
      isFailure: () => !throttles,
      isSuccess: (error) => (error as { status?: number }).status === 429,
    })
    await halfOpen()
    throttles = true
    expect(await fails(busy)).toEqual({ error: busy })
    expect(guarded.state).toBe('closed')
  })

  it('what is a failure is no success besides', async () => {
    const { fails, guarded, halfOpen } = make({ isSuccess: () => true })
    await halfOpen()
    await fails()
    expect(guarded.state).toBe('open')
  })

  it('a probe that has no time says nothing and makes room, though its work hangs', async () => {
    const { guarded, halfOpen, succeeds } = make({ isSuccess: () => true })
    await halfOpen()
    for (let i = 0; i < 20; i++) {
      const work = vi.fn(never)
      const probe = outcomeOf(withDeadline(5, () => guarded.run(work)))
      await vi.advanceTimersByTimeAsync(5)
      expect(await probe).toMatchObject({ error: { code: 'ERR_RESILIENCE_TIMEOUT' } })
      expect(work).toHaveBeenCalledTimes(1)
      expect(guarded.state).toBe('half-open')
    }
    expect(await succeeds()).toEqual({ value: 'ok' })
    expect(guarded.state).toBe('closed')
  })

  it('an isFailure that throws does not leave it stuck', async () => {
    let throws = false
    const isFailure = () => {
      if (throws) throw new Error('predicate')
      return true
    }
    const { fails, guarded, halfOpen, succeeds } = make({ isFailure })
    await halfOpen()
    throws = true
    expect(await fails()).toMatchObject({ error: { message: 'predicate' } })
    expect(await succeeds()).toEqual({ value: 'ok' })
    expect(guarded.state).toBe('closed')
  })

  it('starts afresh once closed: nine failures do not open it again', async () => {
    const { guarded, fails, halfOpen, succeeds } = make({ windowMs: 60_000 })
    await halfOpen()
    await succeeds()
    for (let i = 0; i < 8; i++) await fails()
    expect(guarded.state).toBe('closed')
    await fails()
    await fails()
    expect(guarded.state).toBe('open')
  })
})

describe('what is no failure', () => {
  it('a filtered error, such as an answer 404, never opens it', async () => {
    const notFound = Object.assign(new Error('404'), { status: 404 })
    const { guarded, fails } = make({
      isFailure: (error) => (error as { status?: number }).status !== 404,
    })
    for (let i = 0; i < 100; i++) await fails(notFound)
    expect(guarded.state).toBe('closed')
  })

  it('unless it shows that the dependency works: then it counts as any success', async () => {
    const busy = Object.assign(new Error('busy'), { transient: false })
    const { guarded, fails } = make({ isSuccess: (error) => error === busy })
    for (let i = 0; i < 10; i++) await fails(busy)
    for (let i = 0; i < 9; i++) await fails()
    expect(guarded.state).toBe('closed')
    await fails()
    expect(guarded.state).toBe('open')
  })

  it('nor does it dilute: a caller with senseless requests cannot keep it closed', async () => {
    const { guarded, fails } = make()
    const senseless = Object.assign(new Error('bad input'), { transient: false })
    for (let i = 0; i < 1_000; i++) await fails(senseless)
    for (let i = 0; i < 10; i++) await fails()
    expect(guarded.state).toBe('open')
  })

  it('a caller who cancels a hundred times', async () => {
    const { guarded } = make({}, { bulkhead: false })
    for (let i = 0; i < 100; i++) {
      const caller = new AbortController()
      const run = outcomeOf(guarded.run(never, { signal: caller.signal }))
      await vi.advanceTimersByTimeAsync(50)
      caller.abort()
      await run
    }
    expect(guarded.state).toBe('closed')
  })

  it('a caller who leaves no time: tiny deadlines cannot open it for everybody else', async () => {
    const { guarded } = make({}, { bulkhead: false })
    for (let i = 0; i < 100; i++) {
      const run = outcomeOf(withDeadline(5, () => guarded.run(never)))
      await vi.advanceTimersByTimeAsync(5)
      expect(await run).toMatchObject({ error: { code: 'ERR_RESILIENCE_TIMEOUT', scope: 'total' } })
    }
    expect(guarded.state).toBe('closed')
  })

  it('but a total timeout that the server itself chose counts, though shorter than an attempt', async () => {
    const { guarded } = make({}, { timeout: { totalMs: 1_000, attemptMs: 3_000 } })
    const hanging = Array.from({ length: 10 }, () => outcomeOf(guarded.run(never)))
    await vi.advanceTimersByTimeAsync(1_000)
    await Promise.all(hanging)
    expect(guarded.state).toBe('open')
  })
})

it('close() leaves no timer behind, and work still runs', async () => {
  const { guarded, open, succeeds } = make()
  await open()
  guarded.close()
  expect(vi.getTimerCount()).toBe(0)
  expect(guarded.state).toBe('closed')
  expect(await succeeds()).toEqual({ value: 'ok' })
})

it('without a breaker nothing opens', async () => {
  const { guarded, fails } = make(false)
  for (let i = 0; i < 50; i++) await fails()
  expect(guarded.state).toBe('closed')
  guarded.check()
  guarded.close()
})
