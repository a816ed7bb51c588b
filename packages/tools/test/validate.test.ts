import { setTimeout as sleep } from 'node:timers/promises'
import type { StandardSchemaV1 } from '@modelcontextprotocol/server'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import * as mini from 'zod/mini'
import { defineTool } from '../src/index.js'
import { validate } from '../src/validate.js'
import { modernCall, post, serve } from './support.js'

const unhandled = vi.fn()
beforeEach(() => {
  unhandled.mockClear()
  process.on('unhandledRejection', unhandled)
})
afterEach(() => {
  process.off('unhandledRejection', unhandled)
})

const fail = async () => {
  throw new Error('password=hunter2')
}

describe('an asynchronous refinement', () => {
  const schemas: [string, StandardSchemaV1, unknown][] = [
    ['of a value', z.string().refine(fail), 'x'],
    ['of a field', z.object({ a: z.string().refine(fail) }), { a: 'x' }],
    ['of two fields', z.object({ a: z.any().refine(fail), b: z.any().refine(fail) }), {}],
    ['of a list', z.array(z.string().refine(fail)), ['x', 'y']],
    ['in a union', z.union([z.string().refine(fail), z.number()]), 'x'],
    ['as a transform', z.string().transform(fail), 'x'],
    ['in Zod mini', mini.string().check(mini.refine(fail)), 'x'],
  ]
  it.each(schemas)('that fails is heard by who asked, and by nobody else: %s', async (...row) => {
    await expect(validate(row[1], row[2])).rejects.toThrow('hunter2')
    await sleep(20)
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('runs once', async () => {
    const exists = vi.fn(async () => true)
    const schema = z.object({ id: z.string().refine(exists) })
    expect(await validate(schema, { id: 'x' })).toEqual({ value: { id: 'x' } })
    expect(exists).toHaveBeenCalledOnce()
  })

  it('that does not hold is an issue', async () => {
    const schema = z.string().refine(async () => false, 'is not known')
    expect((await validate(schema, 'x')).issues).toMatchObject([{ message: 'is not known' }])
  })
})

it('fails a call without a word of why, and ends no process', async () => {
  const input = z.object({ a: z.string().refine(fail) })
  const tool = defineTool({ name: 'refined', description: 'x', input, run: () => 'done' })
  const { url, events } = await serve([tool])
  const { body, headers } = modernCall('refined', { a: 'x' })
  const { text } = await post(url, body, headers)
  expect(text).toContain('"code":-32603')
  expect(text).not.toContain('hunter2')
  await sleep(20)
  expect(unhandled).not.toHaveBeenCalled()
  expect(events).toMatchObject([{ outcome: 'error' }])
})

it.each([
  ['that never ends', () => new Promise<boolean>(() => {}), 0],
  ['that ends too late', () => sleep(60, true), 100],
])('gives a refinement %s the time of its tool, and does not run it then', async (_, check, ms) => {
  const run = vi.fn(() => 'done')
  const input = z.object({ a: z.string().refine(check) })
  const tool = defineTool({ name: 'refined', description: 'x', input, run, timeoutMs: 30 })
  const { url, events } = await serve([tool])
  const { body, headers } = modernCall('refined', { a: 'x' })
  const { text } = await post(url, body, headers)
  expect(text).toContain('Tool refined did not answer within 30 ms')
  await sleep(ms)
  expect(run).not.toHaveBeenCalled()
  expect(events).toMatchObject([{ outcome: 'timeout' }])
})

it('gives the check of an answer the time of its tool', async () => {
  const output = z.object({ a: z.string().refine(() => new Promise<boolean>(() => {})) })
  const run = () => ({ a: 'x' })
  const tool = defineTool({
    name: 'checked',
    description: 'x',
    input: z.object({}),
    output,
    run,
    timeoutMs: 30,
  })
  const { url } = await serve([tool])
  const { body, headers } = modernCall('checked', {})
  expect((await post(url, body, headers)).text).toContain('did not answer within 30 ms')
})

it('leaves other libraries to their own validation', async () => {
  const own = { version: 1, vendor: 'own', validate: () => ({ value: 1 }) } as const
  expect(await validate({ '~standard': own }, 'x')).toEqual({ value: 1 })
})
