import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { callNumbers, isMean2, type Outcome } from './support/faults/call.js'
import { type Container, container } from './support/faults/container.js'
import { flood } from './support/faults/flood.js'
import { expectCleanLog } from './support/faults/judge.js'
import {
  type FaultServer,
  killAll,
  memoryOf,
  startServer,
  stopServer,
} from './support/faults/server.js'
import { watch } from './support/faults/watch.js'
import { type Project, writeServer } from './support/project.js'

const MIB = 1024 * 1024
const MOST = 256 * MIB
const MAX_BODY = 4 * MIB
const SLACK_MS = 20_000

let project: Project
beforeAll(async () => {
  project = await writeServer('faults-memory')
})
afterAll(killAll)

const legacy = (key: string) => ({
  Authorization: `Bearer ${key}`,
  'Content-Type': 'application/json',
  Accept: 'application/json, text/event-stream',
})

/** The most memory that it had, also when it is gone by then. */
function peakOf({ pid }: FaultServer) {
  let peak = 0
  const look = async () => {
    peak = await memoryOf(pid, 'VmHWM').catch(() => peak)
    return peak
  }
  const timer = setInterval(look, 200)
  return () => {
    clearInterval(timer)
    return look()
  }
}

/** A ping with so many bytes that say nothing. */
const padded = (bytes: number) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }).padEnd(bytes, ' ')

const call = (id: unknown, numbers: number) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'summarize_numbers', arguments: { numbers: Array(numbers).fill(1 / 3) } },
})

describe('in a container of 256 MiB, from a caller with a key', () => {
  let box: Container
  let server: FaultServer
  beforeEach(async () => {
    box = await container('mcp-prod-faults', 256)
    server = await startServer(project, box)
  })
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await killAll()
    await box.remove()
  })

  const sockets: Socket[] = []
  /** Sends bytes of a request on a connection of its own and takes nothing of the answer. */
  function send(body: string, contentLength: number): Socket {
    const socket = connect(server.port, '127.0.0.1').pause()
    sockets.push(socket)
    socket.on('error', () => {})
    const fields = { Host: '127.0.0.1', ...legacy(server.key), 'Content-Length': contentLength }
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(`POST /mcp HTTP/1.1\r\n${lines.join('')}\r\n`)
    socket.write(body)
    return socket
  }

  const floods: [string, () => Promise<unknown>][] = [
    [
      '100 bodies of 4 MiB at once',
      () =>
        flood(server.url, {
          method: 'POST',
          count: 100,
          concurrency: 100,
          headers: legacy(server.key),
          body: padded(MAX_BODY),
        }),
    ],
    [
      '100 bodies of 4 MiB that lack their last byte',
      async () => {
        const body = padded(MAX_BODY - 1)
        for (let i = 0; i < 100; i++) send(body, MAX_BODY)
        await sleep(4_000)
      },
    ],
    [
      'batches of 100 calls with 900 numbers each',
      () =>
        flood(server.url, {
          method: 'POST',
          count: 20,
          concurrency: 10,
          headers: legacy(server.key),
          body: JSON.stringify(Array.from({ length: 100 }, (_, id) => call(id, 900))),
        }),
    ],
    [
      'calls with 10,000 numbers',
      () =>
        flood(server.url, {
          method: 'POST',
          count: 100,
          concurrency: 50,
          headers: legacy(server.key),
          body: JSON.stringify(call(1, 10_000)),
        }),
    ],
    [
      'ids of 4 MiB whose answers nobody takes',
      async () => {
        const id = 'x'.repeat(MAX_BODY - 200)
        const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' })
        for (let i = 0; i < 60; i++) send(body, body.length)
        await sleep(4_000)
      },
    ],
  ]
  it.each(floods)('%s: memory is bounded and others are served', async (_what, attack) => {
    const stopWatching = watch(server)
    const memory = peakOf(server)
    let over = false
    const attacked = attack().finally(() => {
      over = true
    })
    const calls: Outcome[] = []
    while (!over && server.process.signalCode === null) {
      // One that is killed meanwhile is found out below.
      await callNumbers(server).then(
        (call) => calls.push(call),
        () => {},
      )
      await sleep(100)
    }
    const outcomes = (await attacked) ?? {}
    const { health, ready } = await stopWatching()
    expect(server.process.signalCode, 'killed for its memory').toBe(null)
    expect(await memory()).toBeLessThan(MOST)
    expect({ health, ready }).toEqual({ health: [200], ready: [200] })
    expect(
      Object.keys(outcomes).filter((outcome) => !/^(200|400|413|429|503)$/.test(outcome)),
    ).toEqual([])
    // Who is refused for want of room is told when to come again.
    const isTold = ({ status, headers }: Outcome) => status === 503 && 'retry-after' in headers
    for (const one of calls) expect(one).toSatisfy((call) => isMean2(call) || isTold(call))
    expect(Math.max(...calls.map(({ ms }) => ms))).toBeLessThan(SLACK_MS)
    for (const socket of sockets.splice(0)) socket.destroy()
    const again = async () => isMean2(await callNumbers(server))
    await expect.poll(again, { timeout: 10_000 }).toBe(true)
    // The one that was started: none has been killed for its memory.
    await stopServer(server)
    expectCleanLog(server, ({ message, status }) => message === 'request' && status === 503)
  })
})
