/** A legacy batch: what it may ask for at once. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { defineTool } from '../src/index.js'
import { legacyCall, post, serve } from './support.js'

let begun = 0
const slow = defineTool({
  name: 'slow',
  description: 'Runs on',
  input: z.object({}),
  async run() {
    begun++
    await sleep(200)
    return 'slow'
  },
})
const fast = defineTool({
  name: 'fast',
  description: 'Is quick',
  input: z.object({}),
  run: () => 'fast',
})
const call = (id: unknown, name = 'slow') => ({ ...legacyCall(name, {}).body, id })
const headers = { 'mcp-protocol-version': '2025-03-26' }

describe('a batch that repeats an id', () => {
  it.each([
    ['a number', [call(1), call(1), call(1), call(1, 'fast')]],
    ['a text', [call('a'), call(2), call('a', 'fast')]],
    ['zero', [call(0), call(0, 'fast')]],
    ['one of no method that there is', [call(1), { ...call(1), method: 'no/such' }]],
  ])('runs nothing, since its answer would end before its calls do: %s', async (_, batch) => {
    begun = 0
    const onError = vi.fn()
    const { url } = await serve([slow, fast], {}, [], { handler: { onError } })
    const { status, text } = await post(url, batch, headers)
    expect([status, begun]).toEqual([400, 0])
    expect(onError.mock.calls.map(([error]) => error.message)).toEqual([
      'refused: two requests of the batch have the same id',
    ])
    expect(JSON.parse(text)).toEqual({
      jsonrpc: '2.0',
      id: null,
      error: { code: -32600, message: expect.stringContaining('id') },
    })
  })

  it('is none where a number and a text look alike, or a notification has none', async () => {
    begun = 0
    const { url } = await serve([slow, fast])
    const note = { jsonrpc: '2.0', method: 'notifications/initialized' }
    const { status, text } = await post(url, [call(1), call('1'), note, note], headers)
    expect([status, begun, text.match(/"slow"/g)?.length]).toEqual([200, 2, 2])
  })
})
