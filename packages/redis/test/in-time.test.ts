import { expect, it } from 'vitest'
import { inTime, LATE } from '../src/in-time.js'

it.each([1, 2, 9, 14, 19, 49, 50])('waits for %d ms, neither less nor much longer', async (ms) => {
  const waits = Array.from({ length: 5 }, async () => {
    const started = performance.now()
    expect(await inTime(new Promise(() => {}), ms)).toBe(LATE)
    return performance.now() - started
  })
  const shortest = Math.min(...(await Promise.all(waits)))
  // Node's timers count whole milliseconds.
  expect(shortest).toBeGreaterThan(0.9 * ms - 2)
  expect(shortest).toBeLessThan(ms + 500)
})

it('takes what comes in time, a failure too', async () => {
  expect(await inTime(Promise.resolve(1), 50)).toBe(1)
  await expect(inTime(Promise.reject(new Error('no')), 50)).rejects.toThrow('no')
})

it('takes what has arrived while this process was busy for far longer', async () => {
  const answer = new Promise((resolve) => setTimeout(resolve, 20, 'there'))
  const outcome = inTime(answer, 50)
  const started = performance.now()
  while (performance.now() - started < 300);
  expect(await outcome).toBe('there')
})
