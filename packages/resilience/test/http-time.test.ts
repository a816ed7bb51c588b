import type { Socket } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import { clientOf, drip, lineOf, OK, rawServer, runModule, timed } from './http-servers.js'

const HEAD = 'HTTP/1.1 200 OK\r\n'
/** On a busy machine everything may take longer, but nothing for ever. */
const SLACK_MS = 5000

describe('an attempt is over in time and the next request works, when', () => {
  it.each<[string, (socket: Socket) => void]>([
    ['the server never answers', () => {}],
    [
      'headers drip',
      (socket) => {
        socket.write(HEAD)
        drip(socket, 'x: y\r\n')
      },
    ],
    [
      'the status line has no end',
      (socket) => drip(socket.write(HEAD.trim()) ? socket : socket, 'x'),
    ],
    ['one early hint follows another', (socket) => drip(socket, 'HTTP/1.1 103 Hint\r\n\r\n')],
    ['the body never comes', (socket) => socket.write(`${HEAD}Content-Length: 9\r\n\r\n`)],
    [
      'the body drips',
      (socket) => {
        socket.write(`${HEAD}Content-Length: 999999\r\n\r\n{`)
        drip(socket, ' ')
      },
    ],
    [
      'the body of chunks drips',
      (socket) => {
        socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`)
        drip(socket, '1\r\n \r\n')
      },
    ],
    [
      'a body without a length drips',
      (socket) => {
        socket.write(`${HEAD}\r\n`)
        drip(socket, ' ')
      },
    ],
  ])('%s', async (_case, misbehave) => {
    const server = await rawServer(misbehave)
    const client = clientOf(server.url, { timeout: { attemptMs: 300 }, connections: 1, queue: 0 })
    const { ms, error } = await timed(client.request('/'))
    expect(error).toMatchObject({ code: 'ERR_RESILIENCE_TIMEOUT', scope: 'attempt' })
    expect(ms).toBeLessThan(300 + SLACK_MS)
    await vi.waitFor(() => expect(server.sockets.size).toBe(0))
    server.answer((socket) => socket.write(OK))
    expect((await client.request('/')).text()).toBe('ok')
  })
})

describe('the limit of', () => {
  it('headers holds also while early hints come, and is told as what it is', async () => {
    const server = await rawServer((socket) => drip(socket, 'HTTP/1.1 103 Hint\r\n\r\n'))
    const client = clientOf(server.url, { headersTimeoutMs: 200 })
    const { ms, error } = await timed(client.request('/a?b=c'))
    expect(error).toMatchObject({ code: 'ERR_RESILIENCE_HTTP', transient: true })
    expect(error?.message).toBe(
      `@mcp-prod/resilience: test: GET ${server.url}a: UND_ERR_HEADERS_TIMEOUT: no answer within 200 ms`,
    )
    expect(ms).toBeLessThan(200 + SLACK_MS)
  })

  it('the body counts from its last part', async () => {
    const server = await rawServer((socket) => {
      socket.write(`${HEAD}Content-Length: 1000\r\n\r\n`)
      let parts = 0
      const timer = setInterval(() => {
        if (parts++ < 5) socket.write('x')
      }, 100)
      socket.on('close', () => clearInterval(timer))
    })
    const client = clientOf(server.url, { bodyTimeoutMs: 1000 })
    const { ms, error } = await timed(client.request('/'))
    expect(error?.message).toMatch(
      /UND_ERR_BODY_TIMEOUT: nothing more of the answer within 1000 ms$/,
    )
    expect(ms).toBeGreaterThan(1350)
    expect(ms).toBeLessThan(1500 + SLACK_MS)
  })

  it('a body is not put off by bytes that carry none of it', async () => {
    const server = await rawServer((socket) => {
      socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n1;`)
      drip(socket, 'extension')
    })
    const client = clientOf(server.url, { bodyTimeoutMs: 200 })
    const { ms, error } = await timed(client.request('/'))
    expect(error?.message).toMatch(/UND_ERR_BODY_TIMEOUT/)
    expect(ms).toBeLessThan(200 + SLACK_MS)
  })

  it('the whole covers every attempt and the waits between them', async () => {
    const server = await rawServer(() => {})
    const client = clientOf(server.url, {
      timeout: { totalMs: 700, attemptMs: 200 },
      retry: { attempts: 100, minDelayMs: 1 },
    })
    const { ms, error } = await timed(client.request('/'))
    expect(error).toMatchObject({ code: 'ERR_RESILIENCE_TIMEOUT' })
    expect(ms).toBeLessThan(700 + SLACK_MS)
    expect(server.accepted()).toBeGreaterThan(1)
  })
})

describe('a process that was stopped', () => {
  const source = `
    import { createServer } from 'node:http'
    const server = createServer((req, res) => res.end('ok')).listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
      console.log(server.address().port)
    })`

  it('costs the attempt timeout and no more, on kept connections and new ones, and is used again when it goes on', async () => {
    const child = runModule(source)
    const url = `http://127.0.0.1:${await lineOf(child)}/`
    const client = clientOf(url, { timeout: { attemptMs: 1000 } })
    await Promise.all([client.request('/'), client.request('/')])
    child.kill('SIGSTOP')
    for (let i = 0; i < 3; i++) {
      const { ms, error } = await timed(client.request('/'))
      expect(error).toMatchObject({ code: 'ERR_RESILIENCE_TIMEOUT' })
      expect(ms).toBeLessThan(1000 + SLACK_MS)
    }
    child.kill('SIGCONT')
    expect((await client.request('/')).text()).toBe('ok')
  })

  it('that is killed and started again on its port is noticed by nobody who may ask twice', async () => {
    const first = runModule(source)
    const port = await lineOf(first)
    const client = clientOf(`http://127.0.0.1:${port}/`, { retry: { minDelayMs: 50 } })
    await Promise.all([client.request('/'), client.request('/'), client.request('/')])
    first.kill('SIGKILL')
    await lineOf(runModule(source, { PORT: port }))
    for (let i = 0; i < 5; i++) expect((await client.request('/')).text()).toBe('ok')
  })
})

describe('a peer that is gone without a word', () => {
  it('takes the other connections to it along, so that the next request opens a new one', async () => {
    let isGone = false
    const server = await rawServer((socket, _text, number) => {
      if (!(isGone && number > 1)) setTimeout(() => socket.write(OK), 50)
    })
    const client = clientOf(server.url, {
      timeout: { attemptMs: 1500 },
      retry: { attempts: 2, minDelayMs: 1 },
    })
    await Promise.all(Array.from({ length: 5 }, () => client.request('/')))
    expect(server.accepted()).toBe(5)
    isGone = true
    // One attempt on a dead connection, the second on a new one.
    expect((await client.request('/')).text()).toBe('ok')
    expect(server.accepted()).toBe(6)
  })
})

describe("the caller's signal", () => {
  it('ends a request with its reason, at once, and the connection with it', async () => {
    const server = await rawServer(() => {})
    const client = clientOf(server.url)
    const controller = new AbortController()
    const asked = timed(client.request('/', { signal: controller.signal }))
    await vi.waitFor(() => expect(server.requests).toHaveLength(1))
    const reason = new Error('no longer wanted')
    controller.abort(reason)
    const { error } = await asked
    expect(error).toBe(reason)
    await vi.waitFor(() => expect(server.sockets.size).toBe(0))
    server.answer((socket) => socket.write(OK))
    expect((await client.request('/')).text()).toBe('ok')
  })

  it('is heard before anything is sent', async () => {
    const server = await rawServer((socket) => socket.write(OK))
    const client = clientOf(server.url)
    const signal = AbortSignal.abort(new Error('never wanted'))
    await expect(client.request('/', { signal })).rejects.toThrow('never wanted')
    expect(server.accepted()).toBe(0)
  })

  it('keeps no listeners of requests that are over', async () => {
    const server = await rawServer((socket) => socket.write(OK))
    const client = clientOf(server.url)
    const { signal } = new AbortController()
    const add = vi.spyOn(signal, 'addEventListener')
    const remove = vi.spyOn(signal, 'removeEventListener')
    for (let i = 0; i < 50; i++) await client.request('/', { signal })
    expect(add.mock.calls.length).toBeGreaterThan(0)
    expect(remove.mock.calls.length).toBeGreaterThanOrEqual(add.mock.calls.length)
  })
})
