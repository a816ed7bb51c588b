import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, it, vi } from 'vitest'
import * as z from 'zod'
import { type Budget, createToolServer, defineTool } from '../src/index.js'
import { connect, info, modernCall, post, serve } from './support.js'

const scope = new AsyncLocalStorage<number>()
/** What is left of a request, as `withDeadline` of `@mcp-prod/resilience` narrows a timeout to it. */
const left =
  (leftMs: number): Budget =>
  (timeoutMs, work) => {
    const narrowed = Math.min(timeoutMs, leftMs)
    return scope.run(narrowed, () => work(narrowed))
  }

const hang = (run: () => unknown = () => {}) =>
  defineTool({
    name: 'hang',
    description: 'Never answers',
    input: z.object({}),
    timeoutMs: 60_000,
    run: (_input, { signal }) => {
      run()
      return new Promise<string>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason)),
      )
    },
  })
const quick = (run: () => string) =>
  defineTool({ name: 'quick', description: 'Answers', input: z.object({}), timeoutMs: 50, run })

it('gives up when what is left of the request is over, and says how long that was', async () => {
  const { url, events } = await serve([hang()], { budget: left(40.2) })
  const result = await (await connect(url)).callTool({ name: 'hang' })
  expect(result).toMatchObject({
    isError: true,
    content: [{ text: 'Tool hang did not answer within 41 ms' }],
  })
  expect(events[0]).toMatchObject({ outcome: 'timeout', narrowed: true })
  expect(events[0]?.durationMs).toBeLessThan(20_000)
})

it('runs the tool at once and within the scope of the budget', async () => {
  const tool = quick(() => `left: ${scope.getStore()}`)
  const { url } = await serve([tool], { budget: left(30) })
  expect(JSON.stringify(await (await connect(url)).callTool({ name: 'quick' }))).toContain(
    'left: 30',
  )
})

it('does not run a tool that no time is left for', async () => {
  const run = vi.fn(() => 'ran')
  const { url, events } = await serve([quick(run)], { budget: left(0) })
  const result = await (await connect(url)).callTool({ name: 'quick' })
  expect(JSON.stringify(result)).toContain('did not answer within 0 ms: no time was left to run it')
  expect(run).not.toHaveBeenCalled()
  expect(events[0]?.outcome).toBe('timeout')
})

it('never gives a tool more than its own time', async () => {
  const tool = defineTool({
    name: 'slow',
    description: 'Never answers',
    input: z.object({}),
    timeoutMs: 30,
    run: () => new Promise<string>(() => {}),
  })
  const { url } = await serve([tool], { budget: (_timeoutMs, work) => work(90_000) })
  const result = await (await connect(url)).callTool({ name: 'slow' })
  expect(JSON.stringify(result)).toContain('within 30 ms')
})

it.each<[string, Budget]>([
  [
    'throws',
    () => {
      throw new Error('password=hunter2')
    },
  ],
  ['never calls its work', (() => new Promise(() => {})) as Budget],
  ['names no time', (_timeoutMs, work) => work(Number.NaN)],
  ['names a text', (_timeoutMs, work) => work('soon' as never)],
])('answers with a masked error when the budget %s', async (_, budget) => {
  const run = vi.fn(() => 'ran')
  const { url, events, logger } = await serve([quick(run)], { budget })
  const { body, headers } = modernCall('quick', {})
  const { text } = await post(url, body, headers)
  expect(text).toContain('correlation id')
  expect(text).not.toContain('hunter2')
  expect(run).not.toHaveBeenCalled()
  expect(events.map((event) => event.outcome)).toEqual(['error'])
  expect(logger.error).toHaveBeenCalledWith('tool failed', expect.anything())
})

it('runs once, and answers with it, whatever the budget does after it began', async () => {
  const run = vi.fn(() => 'ran')
  const { url } = await serve([quick(run)], {
    budget: (timeoutMs, work) => {
      work(timeoutMs)
      work(timeoutMs)
      throw new Error('afterwards')
    },
  })
  expect(JSON.stringify(await (await connect(url)).callTool({ name: 'quick' }))).toContain('ran')
  expect(run).toHaveBeenCalledTimes(1)
})

it('runs nothing for a budget that calls its work when the call has been answered', async () => {
  const run = vi.fn(() => 'ran')
  const refused = vi.fn()
  const budget = ((timeoutMs: number, work: (timeoutMs: number) => unknown) => {
    setImmediate(() => {
      try {
        work(timeoutMs)
      } catch (error) {
        refused(error)
      }
    })
  }) as Budget
  const { url } = await serve([quick(run)], { budget })
  await expect((await connect(url)).callTool({ name: 'quick' })).rejects.toThrow('correlation id')
  await vi.waitFor(() => expect(refused).toHaveBeenCalled())
  expect(run).not.toHaveBeenCalled()
})

it.each([
  ['budget', { budget: 30 as never }],
  ['onAbandoned', { onAbandoned: 'log' as never }],
  ['maxAbandoned', { maxAbandoned: 0 }],
  ['maxAbandoned', { maxAbandoned: '5' as never }],
])('refuses a wrong %s at creation', (option, options) => {
  expect(() => createToolServer([hang()], { ...info, ...options })).toThrow(
    expect.objectContaining({
      code: 'ERR_TOOLS_OPTION',
      message: expect.stringContaining(option),
    }),
  )
})
