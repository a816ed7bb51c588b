/** Who only watches decides nothing: not by throwing, and not by rejecting later. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { defineTool } from '../src/index.js'
import { listenCall } from './listen-call.js'
import { modernCall, post, serve } from './support.js'

const unhandled = vi.fn()
beforeEach(() => {
  unhandled.mockClear()
  process.on('unhandledRejection', unhandled)
})
afterEach(() => {
  process.off('unhandledRejection', unhandled)
})

const fast = defineTool({
  name: 'fast',
  description: 'Is quick',
  input: z.object({}),
  run: () => 'fast',
})
const late = defineTool({
  name: 'late',
  description: 'Outlives its call',
  input: z.object({}),
  timeoutMs: 20,
  run: () => sleep(1300, 'late'),
})
const broken = defineTool({
  name: 'broken',
  description: 'Fails',
  input: z.object({}),
  run: () => {
    throw new Error('broken')
  },
})

const error = new Error('the audit has no database')
const rejects = async () => {
  throw error
}
describe.each([
  ['rejects', rejects],
  [
    'throws',
    () => {
      throw error
    },
  ],
])('a hook that %s', (_, hook) => {
  it.each(['onRequest', 'onCall'])('is logged, and the call answered: %s', async (name) => {
    const { url, logger } = await serve([fast], { [name]: hook })
    const { body, headers } = modernCall('fast', {})
    expect((await post(url, body, headers)).text).toContain('fast')
    await sleep(0)
    expect(logger.warn).toHaveBeenCalledWith(`${name} failed`, { tool: 'fast', error })
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('is logged, and what goes on counted: onAbandoned', async () => {
    const { url, logger } = await serve([late], { onAbandoned: hook as () => void })
    const { body, headers } = modernCall('late', {})
    await post(url, body, headers)
    await vi.waitFor(
      () => expect(logger.info).toHaveBeenCalledWith('abandoned tool run ended', expect.anything()),
      5000,
    )
    await sleep(0)
    const told = logger.warn.mock.calls.filter(([message]) => message === 'onAbandoned failed')
    expect(told).toEqual(new Array(2).fill(['onAbandoned failed', { tool: 'late', error }]))
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('changes no answer: onError', async () => {
    const onError = vi.fn(hook)
    const handler = { maxSubscriptions: 0, onError: onError as () => void }
    const { url } = await serve([fast], {}, [], { handler })
    const { body, headers } = listenCall()
    const { status } = await post(url, body, headers)
    await sleep(0)
    expect([status, onError.mock.calls.length]).toEqual([503, 1])
    expect(unhandled).not.toHaveBeenCalled()
  })
})

it('a budget that waits for what it began is no second listener to its failure', async () => {
  const { url } = await serve([broken], {
    budget: (async (ms: number, work: (ms: number) => Promise<unknown>) => await work(ms)) as never,
  })
  const { body, headers } = modernCall('broken', {})
  expect((await post(url, body, headers)).text).toContain('correlation id')
  await sleep(0)
  expect(unhandled).not.toHaveBeenCalled()
})
