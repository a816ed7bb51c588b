import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callNumbers, isMean2, mcpRequest } from './support/faults/call.js'
import { change } from './support/faults/change.js'
import { expectCleanLog } from './support/faults/judge.js'
import { killAll, memoryOf, startServer, stopServer } from './support/faults/server.js'
import { heldOf, slowClient, socketsOf } from './support/faults/sockets.js'
import { watch } from './support/faults/watch.js'
import { type Project, writeServer } from './support/project.js'

const MIB = 1024 * 1024
/** Late senders are looked for every second; and two busy processors are slow. */
const SLACK_MS = 8_000
const HEADERS_MS = 10_000
const REQUEST_MS = 30_000

let project: Project
beforeAll(async () => {
  project = await writeServer('faults-slow-clients')
})
afterAll(killAll)

const headOf = (headers: Record<string, string>) =>
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')

describe('slow clients', () => {
  it('1,000 that send their headers a byte at a time, and 100 their bodies: others are served', async () => {
    const server = await startServer(project)
    const before = await socketsOf(server.pid)
    const { headers, body } = mcpRequest(server.key, 'ping', {})
    const post = 'POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n'
    const length = `Content-Length: ${body.length + 1000}\r\n\r\n`
    const chunked = 'Transfer-Encoding: chunked\r\n\r\nfff\r\n'
    const stopWatching = watch(server)
    const clients = {
      headers: Array.from({ length: 1000 }, () =>
        slowClient(server.port, { begin: `${post}X-Slow: `, drip: 'abc' }),
      ),
      silent: Array.from({ length: 100 }, () => slowClient(server.port, { begin: '' })),
      bodies: Array.from({ length: 50 }, () =>
        slowClient(server.port, { begin: post + headOf(headers) + length, drip: body }),
      ),
      chunks: Array.from({ length: 50 }, () =>
        slowClient(server.port, { begin: post + headOf(headers) + chunked, drip: body }),
      ),
      strangers: Array.from({ length: 50 }, () =>
        slowClient(server.port, { begin: post + length, drip: body }),
      ),
    }
    const all = Object.values(clients).flat()
    await expect.poll(() => socketsOf(server.pid), { timeout: 10_000 }).toBeGreaterThan(1_200)

    let over = false
    const others = (async () => {
      const calls = []
      while (!over) {
        calls.push(await callNumbers(server))
        await sleep(200)
      }
      return calls
    })()
    await Promise.all(all.map(({ closed }) => closed))
    over = true
    const calls = await others
    expect(calls.length).toBeGreaterThan(20)
    expect(calls.filter((call) => !isMean2(call))).toEqual([])
    expect(Math.max(...calls.map(({ ms }) => ms))).toBeLessThan(SLACK_MS)

    const { health, ready } = await stopWatching()
    expect({ health, ready }).toEqual({ health: [200], ready: [200] })
    const expected = {
      headers: [408, HEADERS_MS],
      silent: [408, HEADERS_MS],
      bodies: [408, REQUEST_MS],
      chunks: [408, REQUEST_MS],
      // No key, no body: told at once, and given a second to read it.
      strangers: [401, 0],
    } as const
    for (const [kind, [status, ms]] of Object.entries(expected)) {
      for (const slow of clients[kind as keyof typeof clients]) {
        expect(slow.received(), kind).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
        expect(slow.closedAfterMs(), kind).toBeGreaterThan(ms - 500)
        expect(slow.closedAfterMs(), kind).toBeLessThan(ms + SLACK_MS)
      }
    }
    await expect.poll(() => socketsOf(server.pid), { timeout: 10_000 }).toBeLessThan(before + 10)
    expect(await memoryOf(server.pid, 'VmHWM')).toBeLessThan(256 * MIB)
    expect(await callNumbers(server)).toSatisfy(isMean2)
    await stopServer(server)
    expectCleanLog(server)
  })

  it('that take nothing of their answers: others are served, and the connections are closed', async () => {
    // A minute as it is.
    await change(project, 'serve.js', '{ tls }', '{ tls, sendTimeoutMs: 3_000 }')
    // Eighty such lists are far more than the kernel keeps for a client.
    await change(project, 'tools/countdown.js', "'Waits", "'x'.repeat(100_000) + 'Waits")
    const server = await startServer(project)
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
    const { Authorization } = mcpRequest(server.key, 'tools/list', {}).headers
    const head = headOf({
      Host: '127.0.0.1',
      Authorization: String(Authorization),
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'Content-Length': String(body.length),
    })
    const begin = `POST /mcp HTTP/1.1\r\n${head}\r\n${body}`.repeat(80)
    const readers = Array.from({ length: 2 }, () => slowClient(server.port, { begin }))
    for (const { socket } of readers) socket.pause()
    const held = () => heldOf(readers, server.port)
    await expect.poll(held, { timeout: 10_000 }).toBe(2)
    const stopWatching = watch(server)
    const open = async () => {
      const call = await callNumbers(server)
      expect(call).toSatisfy(isMean2)
      return held()
    }
    await expect.poll(open, { timeout: 60_000, interval: 500 }).toBe(0)
    expect(await memoryOf(server.pid, 'VmHWM')).toBeLessThan(256 * MIB)
    const { health, ready } = await stopWatching()
    expect({ health, ready }).toEqual({ health: [200], ready: [200] })
    for (const { socket } of readers) socket.destroy()
    await stopServer(server)
    expect(server.lines.filter(({ status }) => status === 499).length).toBeGreaterThan(1)
    expectCleanLog(server)
  })
})
