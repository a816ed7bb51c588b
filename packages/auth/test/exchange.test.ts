import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { outbound } from '../src/outbound.js'
import { json, publisher } from './publisher.js'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** A server that writes what a test wants, byte by byte; `answer` gets each request and its number on the connection. */
async function rawServer(answer: (socket: Socket, request: number) => void) {
  const sockets = new Set<Socket>()
  let accepted = 0
  const server = createServer((socket) => {
    let requests = 0
    accepted++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
    socket.on('data', () => answer(socket, ++requests))
  }).listen(0, '127.0.0.1')
  closers.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/`, sockets, accepted: () => accepted }
}

function sender(timeoutMs = 5000, maxBytes = 1000) {
  const send = outbound({ privateHosts: ['127.0.0.1'], timeoutMs })
  return (url: string, request = {}) => send(url, { maxBytes, ...request })
}

/** Writes the same again and again until the connection ends. */
function drip(socket: Socket, text: string): void {
  const timer = setInterval(() => socket.write(text), 20)
  socket.on('close', () => clearInterval(timer))
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a":1}'

describe('time', () => {
  it.each<[string, (socket: Socket) => void]>([
    ['headers never come', () => {}],
    [
      'headers drip',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\n')
        drip(socket, 'x: y\r\n')
      },
    ],
    [
      'there is one early hint after another',
      (socket) => drip(socket, 'HTTP/1.1 103 Hint\r\n\r\n'),
    ],
    [
      'the body never comes',
      (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n'),
    ],
    [
      'the body drips',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{')
        drip(socket, ' ')
      },
    ],
    [
      'the body of chunks drips',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        drip(socket, '1\r\n \r\n')
      },
    ],
  ])('is up although %s, and the connection ends', async (_case, answer) => {
    const { url, sockets } = await rawServer(answer)
    await expect(sender(300)(url)).rejects.toThrow(`${url} cannot be used: no answer within 300 ms`)
    await vi.waitFor(() => expect(sockets.size).toBe(0))
  })

  it('is up although nobody accepts the connection', async () => {
    const port = await deafPort()
    await expect(sender(300)(`http://127.0.0.1:${port}/`)).rejects.toThrow(
      'no answer within 300 ms',
    )
  })

  it('is one for all attempts together', async () => {
    const { url, accepted } = await rawServer((socket, request) => {
      if (request === 1 && accepted() === 1) socket.write(OK)
      // The kept connection is reset late, and the next one is slow: each would be in time by itself.
      else if (request === 2) setTimeout(() => socket.resetAndDestroy(), 400)
      else setTimeout(() => socket.write(OK), 400)
    })
    const send = sender(600)
    await send(url)
    await expect(send(url)).rejects.toThrow('no answer within 600 ms')
    expect(accepted()).toBe(2)
  })
})

describe('an answer', () => {
  it('is an object of JSON, or none', async () => {
    const server = await publisher(json({ a: 1 }))
    const send = sender()
    const url = `${server.origin}/`
    expect(await send(url)).toEqual({ status: 200, json: { a: 1 } })
    for (const other of [[1], null, 'a', 1]) {
      server.answer(json(other))
      expect(await send(url)).toEqual({ status: 200, json: undefined })
    }
    server.answer((_req, res) => res.end('<html>'))
    expect(await send(url)).toEqual({ status: 200, json: undefined })
    for (const status of [201, 204, 302, 404, 500]) {
      server.answer(json({ a: 1 }, status))
      expect(await send(url)).toEqual({ status, json: undefined })
    }
  })

  it('is as long as it may be, and no longer', async () => {
    const server = await publisher((_req, res) => res.end('"'.padEnd(999, 'x').concat('"')))
    const send = sender(5000, 1000)
    expect(await send(`${server.origin}/`)).toEqual({ status: 200, json: undefined })
    server.answer((_req, res) => res.end('x'.repeat(1001)))
    await expect(send(`${server.origin}/`)).rejects.toThrow('more than 1000 bytes')
    server.answer((_req, res) =>
      res.writeHead(200, { 'content-length': 10 ** 12 }).write('x'.repeat(2000)),
    )
    await expect(send(`${server.origin}/`)).rejects.toThrow('more than 1000 bytes')
  })

  it.each([200, 404])('without an end is cut off: status %i', async (status) => {
    const { url, sockets } = await rawServer((socket) => {
      socket.write(`HTTP/1.1 ${status} X\r\nTransfer-Encoding: chunked\r\n\r\n`)
      const more = () => {
        while (socket.writable && socket.write(`400\r\n${'x'.repeat(1024)}\r\n`)) {}
      }
      socket.on('drain', more)
      more()
    })
    const outcome = sender()(url).catch((error: Error) => error.message)
    expect(await outcome).toEqual(
      status === 404
        ? { status, json: undefined }
        : expect.stringContaining('more than 1000 bytes'),
    )
    await vi.waitFor(() => expect(sockets.size).toBe(0))
  })

  it.each<[string, string, RegExp]>([
    [
      'another protocol',
      'HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
      /without an answer/,
    ],
    ['no HTTP', 'SSH-2.0-x\r\n', /HPE_INVALID_CONSTANT/],
    ['endless headers', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}`, /HPE_HEADER_OVERFLOW/],
    ['half of it', 'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"a":', /aborted/],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}', /HPE_/],
    ['nothing', '', /socket hang up/],
  ])('that is %s is a failure', async (_case, text, message) => {
    const { url } = await rawServer((socket) => socket.end(text))
    await expect(sender()(url)).rejects.toThrow(message)
  })

  it('is asked for uncompressed', async () => {
    const server = await publisher((req, res) => json(req.headers)(req, res))
    const { json: headers } = await sender()(`${server.origin}/`, { headers: { 'x-a': 'b' } })
    expect(headers).toMatchObject({
      accept: 'application/json',
      'accept-encoding': 'identity',
      'x-a': 'b',
    })
  })
})

describe('a connection', () => {
  it('is kept for the next request', async () => {
    const { url, accepted } = await rawServer((socket) => socket.write(OK))
    const send = sender()
    for (let i = 0; i < 5; i++) expect(await send(url)).toEqual({ status: 200, json: { a: 1 } })
    expect(accepted()).toBe(1)
  })

  it('that was kept and is reset costs another attempt, also several at once', async () => {
    let isStale = false
    const { url, accepted } = await rawServer((socket, request) => {
      if (isStale && request > 1) socket.resetAndDestroy()
      else socket.write(OK)
    })
    const send = sender()
    await Promise.all([send(url), send(url), send(url)])
    expect(accepted()).toBe(3)
    isStale = true
    expect(await send(url, { method: 'POST', body: 'token=x' })).toMatchObject({ status: 200 })
    expect(accepted()).toBe(4)
  })

  it('that is new and is reset is a failure, without another attempt', async () => {
    const { url, accepted } = await rawServer((socket) => socket.resetAndDestroy())
    await expect(sender()(url)).rejects.toThrow('ECONNRESET')
    expect(accepted()).toBe(1)
  })

  it('that is idle ends by itself, before somebody on the way forgets it', async () => {
    const { url, sockets } = await rawServer((socket) => socket.write(OK))
    await sender(200)(url)
    const [socket] = sockets
    expect(socket).toBeDefined()
    if (socket) await once(socket, 'close')
  })

  it('ends where the answer is not wanted', async () => {
    const { url, sockets } = await rawServer((socket) =>
      socket.write('HTTP/1.1 302 X\r\nLocation: /x\r\nContent-Length: 99\r\n\r\nmoved'),
    )
    expect(await sender()(url)).toEqual({ status: 302, json: undefined })
    await vi.waitFor(() => expect(sockets.size).toBe(0))
  })

  it('is one of 64 at most', async () => {
    const waiting: Socket[] = []
    const { url, accepted } = await rawServer((socket) => waiting.push(socket))
    const send = sender()
    const answers = Promise.all(Array.from({ length: 100 }, () => send(url)))
    await vi.waitFor(() => expect(waiting).toHaveLength(64))
    await turn()
    expect(accepted()).toBe(64)
    const release = setInterval(() => {
      for (const socket of waiting.splice(0)) socket.write(OK)
    }, 1)
    expect(await answers).toHaveLength(100)
    clearInterval(release)
    expect(accepted()).toBe(64)
  })
})

/** A port whose owner listens and accepts nobody, so that the system leaves whoever comes without an answer. */
async function deafPort(): Promise<number> {
  const script = `const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    require('node:fs').writeSync(1, String(server.address().port))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  closers.push(() => child.kill('SIGKILL'))
  const [chunk] = await once(child.stdout, 'data')
  const port = Number(chunk)
  // The few that the system takes into its queue.
  for (let i = 0; i < 4; i++) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    closers.push(() => socket.destroy())
  }
  return port
}
