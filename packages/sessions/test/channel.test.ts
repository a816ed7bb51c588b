import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { createChannel } from '../src/channel.js'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

it.each([
  ['takes its time', undefined],
  ['never takes the first of them', 0],
])('keeps nothing of events that are stored: a store that %s', async (_, stuck) => {
  let sent = 0
  const waiting: (() => void)[] = []
  const channel = createChannel({
    number: 2,
    session: 's',
    maxBufferBytes: 1000,
    recorder: {
      append: () =>
        sent++ === stuck
          ? new Promise<void>((resolve) => waiting.push(resolve))
          : Promise.resolve(),
      read: async () => [],
      drop() {},
      state: () => ({ events: 0, bytes: 0, lost: 0 }),
    },
  })
  const emit = async (times: number) => {
    for (let i = 0; i < times; i++) {
      channel.emit({ jsonrpc: '2.0', method: 'notifications/progress', params: {} })
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    return process.memoryUsage().heapUsed
  }
  const before = await emit(2_000)
  const grown = (await emit(200_000)) - before
  // Sixty bytes kept of each would be twelve megabytes.
  expect(grown).toBeLessThan(4_000_000)
  expect(waiting).toHaveLength(stuck === undefined ? 0 : 1)
  channel.end()
})
