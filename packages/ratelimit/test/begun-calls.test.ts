import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { type BegunCalls, begunCalls } from '../src/begun-calls.js'

let now = 60_000
let tick = () => {}
beforeEach(() => {
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  vi.spyOn(globalThis, 'setInterval').mockImplementation(((look: () => void) => {
    tick = look
    return { unref: () => ({}) }
  }) as never)
  vi.spyOn(globalThis, 'clearInterval').mockImplementation(() => {})
})
afterEach(() => vi.restoreAllMocks())

/** A tick that is due every 10 ms comes after so long. */
function tickAfter(ms: number): void {
  now += ms
  tick()
}

/** Begins as many as may be under way, up to `most`. */
function beginAll(calls: BegunCalls, most: number): (() => void)[] {
  const ends: (() => void)[] = []
  for (let wait = calls.waitMs(now); wait !== undefined; wait = calls.waitMs(now)) {
    now += wait
    if (ends.push(calls.begin(now, 1)) === most) break
  }
  return ends
}

/** With a hundred under way. */
function crowd() {
  const calls = begunCalls()
  calls.crowded(true)
  return { calls, ends: beginAll(calls, 100) }
}

it('is in nobody’s way while the event loop comes in time', () => {
  const { calls } = crowd()
  for (let i = 0; i < 100; i++) tickAfter(10)
  expect(beginAll(calls, 1000).length).toBe(1000)
  expect(calls.waitMs(now)).toBe(0)
})

it('lets fewer be under way after a long turn', () => {
  const { calls, ends } = crowd()
  tickAfter(100)
  for (const end of ends.splice(0, 30)) end()
  expect(calls.waitMs(now)).toBeUndefined()
  ends.shift()?.()
  expect(calls.waitMs(now)).toBeDefined()
})

it('takes the long turns of the calls before for one, and never has fewer than eight', () => {
  const { calls, ends } = crowd()
  for (const end of ends.splice(0)) {
    now += 100
    end()
  }
  const under = beginAll(calls, 100)
  tickAfter(60)
  tickAfter(60)
  for (const end of under.splice(0)) end()
  expect(beginAll(calls, 100).length).toBe(70)
  const fewest = begunCalls()
  fewest.crowded(true)
  beginAll(fewest, 9).pop()?.()
  for (let i = 0; i < 15; i++) tickAfter(60)
  expect(fewest.waitMs(now)).toBeUndefined()
})

it('lets more be under way for each tick in time, so that calls which only wait hold up nobody', () => {
  const { calls } = crowd()
  tickAfter(100)
  let more = 0
  // None of the hundred ends.
  for (let i = 0; i < 200; i++) {
    tickAfter(10)
    if (calls.waitMs(now) === 0) more += beginAll(calls, 1).length
  }
  expect(more).toBeGreaterThan(30)
})

it('begins calls evenly over the time that one takes', () => {
  const { calls, ends } = crowd()
  for (const end of ends.splice(0)) {
    now += 100
    end()
  }
  for (let i = 0; i < 100; i++) {
    const end = calls.begin(now, 1)
    now += 100
    end()
  }
  beginAll(calls, 10)
  tickAfter(1_000)
  const waits: number[] = []
  for (let i = 0; i < 20; i++) {
    const wait = calls.waitMs(now)
    if (wait === undefined) break
    now += wait
    calls.begin(now, 1)()
    waits.push(wait)
  }
  // Some are late, and made up for; no wait is longer than a tick.
  for (const wait of waits.slice(4, 10)) expect(wait).toBeGreaterThan(3)
  expect(Math.max(...waits)).toBeLessThanOrEqual(10)
})

it('counts no call that has been under way for a second: it waits for something else', () => {
  const onRoom = vi.fn()
  const calls = begunCalls(onRoom)
  calls.crowded(true)
  beginAll(calls, 100)
  tickAfter(100)
  tickAfter(60)
  expect(calls.waitMs(now)).toBeUndefined()
  now += 1_000
  expect(calls.waitMs(now)).toBeDefined()
  tickAfter(10)
  expect(onRoom).toHaveBeenCalled()
})

it('opens soon where the processor stays idle, however many wait', () => {
  const { calls } = crowd()
  tickAfter(100)
  let begun = 0
  for (let i = 0; i < 90; i++) {
    tickAfter(10)
    begun += beginAll(calls, 10_000).length
  }
  expect(begun).toBeGreaterThan(1_000)
})

it('counts each call of a batch', () => {
  const { calls, ends } = crowd()
  tickAfter(100)
  for (const end of ends.splice(0)) end()
  const end = calls.begin(now, 70)
  expect(calls.waitMs(now)).toBeUndefined()
  end()
  expect(calls.waitMs(now)).toBeDefined()
})

it('forgets the bound when nobody has waited for a second', () => {
  const { calls } = crowd()
  tickAfter(100)
  expect(calls.waitMs(now)).toBeUndefined()
  calls.crowded(false)
  now += 1_500
  calls.crowded(true)
  expect(calls.waitMs(now)).toBe(0)
})
