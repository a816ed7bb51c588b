/** Of pipelined requests whose connection breaks, Node tells only the first one's response. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { afterEach, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { createToolServer, defineTool, type ToolCallEvent, toolHandler } from '../src/index.js'
import { pipelineCalls } from './listening.js'
import { info, legacyCall, modernCall } from './support.js'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** A tool that goes on until it is aborted, and how many requests the handler still has. */
async function serveSlow() {
  const signals: AbortSignal[] = []
  const slow = defineTool({
    name: 'slow',
    description: 'Waits until nobody waits for it',
    input: z.object({}),
    run: (_input, { signal }) =>
      new Promise<string>((resolve) => {
        signals.push(signal)
        signal.addEventListener('abort', () => resolve('stopped'))
      }),
  })
  const events: ToolCallEvent[] = []
  const mcp = toolHandler(
    createToolServer([slow], { ...info, onCall: (event) => events.push(event) }),
  )
  const handling = { now: 0 }
  const listeners = { most: 0 }
  const app = express().post('/mcp', express.json(), async (req, res, next) => {
    handling.now++
    try {
      const handled = mcp.middleware(req, res, next)
      listeners.most = Math.max(listeners.most, req.socket.listenerCount('close'))
      await handled
    } finally {
      handling.now--
    }
  })
  const server = app.listen(0, '127.0.0.1')
  closers.push(async () => {
    await mcp.close()
    server.close()
    server.closeAllConnections()
  })
  await once(server, 'listening')
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`)
  return { url, signals, events, handling, listeners }
}

const eras = [
  ['modern', modernCall('slow', {})],
  ['legacy', legacyCall('slow', {})],
] as const

it.each(eras)(
  'the calls of all of them are aborted, and none is kept (%s era)',
  async (_, call) => {
    const { url, signals, events, handling } = await serveSlow()
    const socket = await pipelineCalls(url, [call, call, call])
    await vi.waitFor(() => expect(signals).toHaveLength(3))
    expect(handling.now).toBe(3)
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, false])
    socket.destroy()
    await vi.waitFor(() =>
      expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true]),
    )
    await vi.waitFor(() => expect(handling.now).toBe(0))
    expect(events.map(({ outcome }) => outcome)).toEqual(['cancelled', 'cancelled', 'cancelled'])
  },
)

it.each(eras)('also when the client resets the connection (%s era)', async (_, call) => {
  const { url, signals, handling } = await serveSlow()
  const socket = await pipelineCalls(url, [call, call, call])
  await vi.waitFor(() => expect(signals).toHaveLength(3))
  socket.resetAndDestroy()
  await vi.waitFor(() => expect(signals.every(({ aborted }) => aborted)).toBe(true))
  await vi.waitFor(() => expect(handling.now).toBe(0))
})

it('however many there are, with one listener on their connection', async () => {
  const warned = vi.fn()
  process.on('warning', warned)
  closers.push(() => process.off('warning', warned))
  const { url, signals, handling, listeners } = await serveSlow()
  const [, call] = eras[0]
  const socket = await pipelineCalls(url, [call])
  await vi.waitFor(() => expect(signals).toHaveLength(1))
  const { most } = listeners
  socket.destroy()
  await vi.waitFor(() => expect(handling.now).toBe(0))
  const other = await pipelineCalls(url, new Array(30).fill(call))
  await vi.waitFor(() => expect(signals).toHaveLength(31))
  other.destroy()
  await vi.waitFor(() => expect(handling.now).toBe(0))
  expect(signals.every(({ aborted }) => aborted)).toBe(true)
  expect(listeners.most).toBe(most)
  await new Promise((resolve) => setImmediate(resolve))
  expect(warned).not.toHaveBeenCalled()
})

it('leaves alone the signals of those that were answered before it broke', async () => {
  const { url, signals, events } = await serveSlow()
  const quick = modernCall('nothing', {})
  const [, call] = eras[0]
  const socket = await pipelineCalls(url, [quick, call])
  socket.resume()
  await vi.waitFor(() => expect(signals).toHaveLength(1))
  await vi.waitFor(() => expect(events).toHaveLength(1))
  socket.destroy()
  await vi.waitFor(() =>
    expect(events.map(({ outcome }) => outcome)).toEqual(['invalid_input', 'cancelled']),
  )
})
