import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import express from 'express'
import { describe, expect, it } from 'vitest'
import type { createServer } from '../src/index.js'
import { atEnd, received, request, sendRaw, serve, statusOf } from './serve.js'

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Connections that send `begin` and then a byte every 25 ms until they are closed; resolves with what they got. */
function dribble(port: number, count: number, begin: string, byte: string) {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect(port, '127.0.0.1')
      socket.write(begin)
      const timer = setInterval(() => socket.writable && socket.write(byte), 25)
      atEnd(() => clearInterval(timer))
      const text = await received(socket)
      clearInterval(timer)
      return text
    }),
  )
}

/** Waits for the server's side to be closed too, which takes a moment longer. */
async function expectNoConnections(server: ReturnType<typeof createServer>) {
  const count = () =>
    new Promise<number>((resolve) => server.getConnections((_error, open) => resolve(open)))
  await expect.poll(count, { interval: 10, timeout: 1500 }).toBe(0)
}

describe('createServer: slow senders', () => {
  it.each([
    [
      'headers',
      'POST / HTTP/1.1\r\nHost: a\r\nX-Slow: ',
      { headersTimeoutMs: 300, requestTimeoutMs: 5000 },
    ],
    [
      'a body',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\nContent-Type: application/json\r\n\r\n',
      { headersTimeoutMs: 300, requestTimeoutMs: 300 },
    ],
    [
      'a chunked body',
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\nffff\r\n',
      { headersTimeoutMs: 300, requestTimeoutMs: 300 },
    ],
  ])('cuts 200 that dribble %s, and answers others meanwhile', async (_what, begin, options) => {
    const { port, server } = await serve((app) => {
      app.get('/', (_req, res) => void res.json('well'))
      app.post('/', express.json(), (_req, res) => void res.json('never'))
    }, options)
    let done = false
    const started = performance.now()
    const slow = dribble(port, 200, begin, 'a').finally(() => {
      done = true
    })
    const took: number[] = []
    while (!done) {
      const asked = performance.now()
      expect(statusOf(await request(port, ['Host: a']))).toBe(200)
      took.push(performance.now() - asked)
      await sleep(20)
    }
    const answers = await slow
    expect(performance.now() - started).toBeLessThan(3000)
    expect(answers.filter((answer) => statusOf(answer) === 408)).toHaveLength(200)
    expect(took.length).toBeGreaterThan(3)
    expect(Math.max(...took)).toBeLessThan(1000)
    await expectNoConnections(server)
  })

  it('cuts connections that send nothing at all', async () => {
    const { port } = await serve(() => {}, { headersTimeoutMs: 200 })
    const started = performance.now()
    const socket = connect(port, '127.0.0.1')
    expect(statusOf(await received(socket))).toBe(408)
    expect(performance.now() - started).toBeGreaterThan(150)
  })

  it('cuts a request that is slow on a connection that has served others', async () => {
    const { port } = await serve((app) => app.get('/', (_req, res) => void res.json(1)), {
      headersTimeoutMs: 200,
    })
    const answer = await sendRaw(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost:')
    expect(answer.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 408'])
  })

  it('lets a stream outlive every timeout, busy or silent', async () => {
    const { url } = await serve(
      (app) => {
        app.post('/', express.json(), async (_req, res) => {
          res.type('text/event-stream').flushHeaders()
          for (const data of ['busy', 'busy', 'busy']) {
            res.write(`data: ${data}\n\n`)
            await sleep(100)
          }
          await sleep(800)
          res.end('data: end\n\n')
        })
      },
      { headersTimeoutMs: 150, requestTimeoutMs: 150, keepAliveTimeoutMs: 150 },
    )
    const headers = { 'Content-Type': 'application/json' }
    const started = performance.now()
    const answer = await fetch(url, { method: 'POST', headers, body: '{}' })
    expect(await answer.text()).toBe(`${'data: busy\n\n'.repeat(3)}data: end\n\n`)
    expect(performance.now() - started).toBeGreaterThan(1000)
  })
})

describe('createServer: connection cap', () => {
  it('closes connections over it at once, and takes new ones when others end', async () => {
    const { port } = await serve((app) => app.get('/', (_req, res) => void res.json(1)), {
      maxConnections: 3,
    })
    const open: Socket[] = []
    for (let i = 0; i < 3; i++) {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      open.push(socket)
    }
    await sleep(20)
    expect(await request(port, ['Host: a'])).toBe('')
    const [first] = open
    first?.destroy()
    await sleep(50)
    expect(statusOf(await request(port, ['Host: a']))).toBe(200)
    for (const socket of open) socket.destroy()
  })
})

describe('createServer: malformed requests', () => {
  const post = 'POST / HTTP/1.1\r\nHost: a\r\n'
  it.each([
    [400, 'noise', 'garbage\r\n\r\n'],
    [400, 'a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    [400, 'two lengths', `${post}Content-Length: 1\r\nContent-Length: 2\r\n\r\na`],
    [
      400,
      'a length and chunks (smuggling)',
      `${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    [400, 'a space before the colon', `${post}Content-Length : 4\r\n\r\naaaa`],
    [400, 'a header without end of line', 'GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n'],
    [400, 'a folded header', 'GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n'],
    [400, 'a bad chunk size', `${post}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`],
    [
      431,
      'headers over the limit',
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`,
    ],
    [431, 'a path over the limit', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`],
    [
      413,
      'endless chunk extensions',
      `${post}Transfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(20_000)}\r\n`,
    ],
  ])('answers %i to %s, briefly, and closes', async (status, _what, text) => {
    const { port, server } = await serve((app) => {
      app.use(express.raw({ type: () => true }), (_req, res) => void res.json('in'))
    })
    const answer = await sendRaw(port, text)
    expect(statusOf(answer)).toBe(status)
    expect(answer.length).toBeLessThan(120)
    expect(answer).toContain('Connection: close')
    await expectNoConnections(server)
  })

  it('accepts headers up to the limit that is set', async () => {
    const { port } = await serve((app) => app.get('/', (_req, res) => void res.json(1)), {
      maxHeaderBytes: 1000,
    })
    expect(statusOf(await request(port, ['Host: a', `X: ${'a'.repeat(800)}`]))).toBe(200)
    expect(statusOf(await request(port, ['Host: a', `X: ${'a'.repeat(1100)}`]))).toBe(431)
  })

  it('never answers in the middle of an answer, nor in place of another', async () => {
    const { port } = await serve((app) => {
      app.get('/stream', (_req, res) => void res.write('half'))
      app.get('/slow', () => {})
    })
    for (const path of ['/stream', '/slow']) {
      const socket = connect(port, '127.0.0.1')
      const answer = received(socket)
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
      await sleep(50)
      socket.write('garbage\r\n\r\n')
      expect(await answer).not.toContain('400')
    }
  })

  it('lets nobody hold a refused connection open', async () => {
    const { port, server } = await serve(() => {})
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const timer = setInterval(() => socket.writable && socket.write('garbage'), 50)
    atEnd(() => clearInterval(timer))
    const started = performance.now()
    await received(socket)
    expect(performance.now() - started).toBeLessThan(2500)
    await expectNoConnections(server)
  })

  it('survives resets and errors of sockets that are gone', async () => {
    const { port, server } = await serve((app) => app.get('/', (_req, res) => void res.json(1)))
    const sockets = Array.from({ length: 50 }, () => connect(port, '127.0.0.1'))
    for (const [i, socket] of sockets.entries()) {
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.write(i % 2 ? 'GET / HTTP/1.1\r\nHo' : 'garbage\r\n\r\n', () =>
        socket.resetAndDestroy(),
      )
    }
    const [gone] = sockets
    if (gone) server.emit('clientError', Object.assign(new Error('x'), { code: 'HPE_X' }), gone)
    await sleep(50)
    expect(statusOf(await request(port, ['Host: a']))).toBe(200)
    await expectNoConnections(server)
  })
})
