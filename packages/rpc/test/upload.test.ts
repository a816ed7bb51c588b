import { once } from 'node:events'
import http from 'node:http'
import type { Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import express from 'express'
import { describe, expect, it, vi } from 'vitest'
import { jsonBody } from '../src/index.js'
import { type Answer, closed, echoApp, head, listen, open, pause, post } from './support.js'

const MAX = 64 * 1024
const tooLarge = /^HTTP\/1\.1 413 [\s\S]*\r\nConnection: close\r\n[\s\S]*"code":413/

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

function heapBytes(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Writes chunks for as long as the connection lives; resolves with the bytes handed to the kernel. */
async function uploadForEver(socket: Socket): Promise<number> {
  const chunk = Buffer.from(`10000\r\n${' '.repeat(0x10000)}\r\n`)
  while (!socket.destroyed) {
    if (socket.write(chunk)) await new Promise((resolve) => setImmediate(resolve))
    else await Promise.race([once(socket, 'drain'), closed(socket)]).catch(() => {})
  }
  return socket.bytesWritten
}

describe('the cap', () => {
  it('accepts exactly maxBytes and refuses one more', async () => {
    const { url } = await listen(echoApp({ maxBytes: 10 }))
    expect((await post(url, `{"a":"${'x'.repeat(2)}"}`)).status).toBe(200)
    expect(await post(url, `{"a":"${'x'.repeat(3)}"}`)).toMatchObject({
      status: 413,
      body: {
        jsonrpc: '2.0',
        id: null,
        error: { code: 413, message: 'The body has more than 10 bytes' },
      },
    })
  })

  it('is 4 MiB by default', async () => {
    const { url } = await listen(echoApp())
    const body = (bytes: number) => `"${'x'.repeat(bytes - 2)}"`
    expect((await post(url, body(4 * 1024 * 1024))).body.error.code).toBe(-32600)
    expect((await post(url, body(4 * 1024 * 1024 + 1))).status).toBe(413)
  })

  it('refuses by Content-Length before a byte of the body is sent', async () => {
    const { port } = await listen(echoApp({ maxBytes: MAX }))
    const { socket, until, received } = open(port)
    socket.write(head('Content-Length: 999999999999'))
    await until('"code":413')
    expect(received()).toMatch(tooLarge)
  })

  it('refuses a Content-Length that no number can hold, or two of them, without running anything', async () => {
    const { port } = await listen(echoApp({ maxBytes: MAX }))
    const heads = [
      head('Content-Length: 99999999999999999999999'),
      head('Content-Length: -1'),
      head('Content-Length: 0x10'),
      head('Content-Length: 2', 'Content-Length: 3'),
      head('Content-Length: 2', 'Transfer-Encoding: chunked'),
    ]
    for (const text of heads) {
      const { socket, received, closed } = open(port)
      socket.write(`${text}{}`)
      await closed()
      expect(received()).toMatch(/^HTTP\/1\.1 400 /)
    }
  })

  it('counts what arrives, not the sizes of chunks that lie', async () => {
    const { port } = await listen(echoApp({ maxBytes: 100 }))
    const { socket, until, received } = open(port)
    socket.write(head('Transfer-Encoding: chunked'))
    for (let sent = 0; sent <= 100; sent += 10) socket.write(`a\r\n${' '.repeat(10)}\r\n`)
    await until('"code":413')
    expect(received()).toMatch(tooLarge)
  })
})

describe('an upload that never ends', () => {
  it('is answered 413 at once, read no further than twice the cap, and closed', async () => {
    const app = echoApp({ maxBytes: MAX })
    const { server, port } = await listen(app)
    let serverSide: Socket | undefined
    server.on('connection', (socket) => {
      serverSide = socket
    })
    const { socket, until, received } = open(port)
    socket.write(head('Transfer-Encoding: chunked'))
    const started = performance.now()
    const upload = uploadForEver(socket)
    await until('"code":413')
    expect(performance.now() - started).toBeLessThan(2000)
    expect(received()).toMatch(tooLarge)
    await upload
    expect(performance.now() - started).toBeLessThan(3000)
    // Twice the cap, what the socket and the request buffer on top (64 KiB each since Node 22), and the framing.
    expect(serverSide?.bytesRead).toBeLessThan(2 * MAX + 4 * 0x10000)
    expect(server.listening).toBe(true)
  })

  it('gives a client that reads only after it has sent everything its 413, not a reset', async () => {
    const { port } = await listen(echoApp({ maxBytes: MAX }))
    const { socket, received, failed, closed } = open(port)
    socket.pause()
    socket.write(head(`Content-Length: ${2 * MAX}`))
    for (let sent = 0; sent < 8; sent++) {
      socket.write(Buffer.alloc(MAX / 4, ' '))
      await pause(20)
    }
    socket.resume()
    await closed()
    expect(received()).toMatch(tooLarge)
    expect(failed()).toBeUndefined()
  })

  it('gives fetch and node:http their 413 while they are still sending', async () => {
    const { url } = await listen(echoApp({ maxBytes: MAX }))
    for (let i = 0; i < 10; i++) {
      expect((await post(url, Buffer.alloc(40 * MAX, ' '))).status).toBe(413)
    }
    const stream = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(0x4000).fill(32)),
    })
    const headers = { 'Content-Type': 'application/json' }
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body: stream,
      duplex: 'half',
    } as RequestInit)
    expect(response.status).toBe(413)
    expect(await response.json()).toMatchObject({ error: { code: 413 } })

    const request = http.request(url, { method: 'POST', headers })
    request.on('error', () => {})
    request.write(Buffer.alloc(40 * MAX, ' '))
    const [answer] = await once(request, 'response')
    expect(answer.statusCode).toBe(413)
    request.destroy()
  })

  it('is answered once, whatever else is wrong with it: media type before size', async () => {
    const { port } = await listen(echoApp({ maxBytes: MAX }))
    const { socket, received, until } = open(port)
    socket.write(head('Transfer-Encoding: chunked').replace('application/json', 'text/plain'))
    const upload = uploadForEver(socket)
    await until('"code":415')
    await upload
    expect(received().match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(received()).toMatch(/^HTTP\/1\.1 415 [\s\S]*Connection: close/)
  })
})

describe('an upload that stops', () => {
  it.each([
    ['Content-Length', head('Content-Length: 100')],
    ['chunks', `${head('Transfer-Encoding: chunked')}5\r\n{"a":`],
  ])('runs nothing and throws nothing when the client goes away (%s)', async (_, text) => {
    const app = express()
    const ran = vi.fn()
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const answered: Promise<number> = new Promise((resolve) => {
      app.use((_req, res, next) => {
        const end = res.end
        res.end = function onEnd(this: typeof res, ...args: unknown[]) {
          resolve(res.statusCode)
          return Reflect.apply(end, this, args)
        } as typeof end
        next()
      })
    })
    app.use(jsonBody(), ran)
    const { port } = await listen(app)
    const { socket } = open(port)
    socket.write(`${text}{"id":1`)
    await pause(30)
    socket.destroy()
    expect(await answered).toBe(400)
    await pause(10)
    process.off('unhandledRejection', unhandled)
    expect(ran).not.toHaveBeenCalled()
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('is none of the error handler when the client went away before it was read', async () => {
    const app = express()
    const ran = vi.fn()
    const failed = vi.fn()
    const read = new Promise((resolve) => {
      app.use((req, res, next) => {
        req.once('close', () => {
          next()
          setImmediate(resolve, res.statusCode)
        })
      })
    })
    app.use(jsonBody(), ran)
    app.use(((error, _req, _res, _next) => failed(error)) satisfies express.ErrorRequestHandler)
    const { port } = await listen(app)
    const { socket } = open(port)
    socket.write(`${head('Content-Length: 100')}{"id":1`)
    await pause(30)
    socket.destroy()
    await read
    expect(ran).not.toHaveBeenCalled()
    expect(failed).not.toHaveBeenCalled()
  })

  it('takes no part of the next request for its own when Content-Length is too small', async () => {
    const { port } = await listen(echoApp())
    const { socket, received, closed } = open(port)
    socket.write(`${head('Content-Length: 2')}{}{"method":"tools/call","id":1}`)
    await closed()
    // Node sees the garbage while the first request is still being answered, and gives up on both.
    expect(received()).toMatch(/^HTTP\/1\.1 400 Bad Request/)
    expect(received()).not.toContain('ran')
  })
})

describe('a body in tiny pieces', () => {
  it('costs no more memory than one in large pieces', async () => {
    const { server, port } = await listen(echoApp())
    const serverSide = once(server, 'connection')
    const { socket, until } = open(port)
    socket.write(head('Transfer-Encoding: chunked'))
    const [peer] = (await serverSide) as [Socket]
    const before = heapBytes()
    const pieces = Buffer.from('1\r\n \r\n'.repeat(1000))
    for (let sent = 0; sent < 100; sent++) {
      if (!socket.write(pieces)) await once(socket, 'drain')
    }
    while (peer.bytesRead < 100 * pieces.length) await pause(5)
    // As a list of chunks these 100 kB take 20 MB and more.
    expect(heapBytes() - before).toBeLessThan(5e6)
    socket.write('2\r\n{}\r\n0\r\n\r\n')
    await until('"ran":true')
  })

  it('arrives whole whatever the pieces', async () => {
    const { url } = await listen(echoApp())
    const text = JSON.stringify({ id: 1, method: 'x', params: { text: '€uro-'.repeat(5000) } })
    const bytes = new TextEncoder().encode(text)
    for (const size of [7, 1000, 4096, 65_536]) {
      let at = 0
      const stream = new ReadableStream({
        pull(controller) {
          controller.enqueue(bytes.subarray(at, at + size))
          at += size
          if (at >= bytes.length) controller.close()
        },
      })
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: stream,
        duplex: 'half',
      } as RequestInit)
      expect(((await response.json()) as Answer).body).toEqual(JSON.parse(text))
    }
  })
})

it('keeps the connection after a refusal that read the whole body', async () => {
  const { port } = await listen(echoApp())
  const { socket, until, received } = open(port)
  socket.write(`${head('Content-Length: 1')}{`)
  await until('-32700')
  socket.write(`${head('Content-Length: 2')}{}`)
  await until('"ran":true')
  expect(received()).not.toContain('Connection: close')
})
