import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { FullError } from '../src/index.js'
import { clientOf, httpServer, OK, rawServer, timed } from './http-servers.js'

describe('connections', () => {
  it('are kept and used again, one after the other', async () => {
    const server = await httpServer((_req, res) => res.end('ok'))
    const client = clientOf(server.url)
    for (let i = 0; i < 50; i++) expect((await client.request('/')).status).toBe(200)
    expect(server.connections()).toBe(1)
    expect(client.stats).toEqual([
      { origin: server.url.slice(0, -1), state: 'closed', running: 0, queued: 0, connections: 1 },
    ])
  })

  it('are no more than `connections` under 500 requests at once, and all are answered', async () => {
    let most = 0
    let now = 0
    const server = await httpServer((req, res) => {
      most = Math.max(most, ++now)
      setTimeout(() => {
        now--
        res.end(req.url)
      }, 5)
    })
    const client = clientOf(server.url, {
      connections: 7,
      queue: 500,
      timeout: { totalMs: 60_000, attemptMs: 60_000 },
    })
    const paths = Array.from({ length: 500 }, (_, index) => `/${index}`)
    const answers = await Promise.all(paths.map((path) => client.request(path)))
    // Each its own, whatever connection it came over.
    expect(answers.map((answer) => answer.text())).toEqual(paths)
    expect(most).toBe(7)
    expect(server.connections()).toBe(7)
  })

  it('full and the queue too: refused at once, and the others are served', async () => {
    const server = await rawServer(() => {})
    const client = clientOf(server.url, { connections: 2, queue: 3 })
    const asked = Array.from({ length: 6 }, () => timed(client.request('/')))
    const { error, ms } = await Promise.race(asked)
    expect(error).toBeInstanceOf(FullError)
    expect(ms).toBeLessThan(2500)
    expect(client.stats).toMatchObject([{ running: 2, queued: 3 }])
    await vi.waitFor(() => expect(server.requests).toHaveLength(2))
    server.answer((socket) => socket.write(OK))
    for (const socket of server.sockets) socket.write(OK)
    const values = (await Promise.all(asked)).map(({ value }) => value?.status)
    expect(values.filter((status) => status === 200)).toHaveLength(5)
    expect(server.accepted()).toBe(2)
  })

  it('are freed by whoever waits no more, in the queue too', async () => {
    const server = await rawServer(() => {})
    const client = clientOf(server.url, { connections: 1, queue: 1 })
    const [first, second] = [new AbortController(), new AbortController()]
    const asked = [first, second].map(({ signal }) => timed(client.request('/', { signal })))
    await vi.waitFor(() => expect(client.stats).toMatchObject([{ running: 1, queued: 1 }]))
    second.abort(new Error('given up'))
    expect((await asked[1])?.error?.message).toBe('given up')
    expect(client.stats).toMatchObject([{ running: 1, queued: 0 }])
    first.abort()
    await asked[0]
    await vi.waitFor(() => expect(client.stats).toMatchObject([{ running: 0, connections: 0 }]))
    server.answer((socket) => socket.write(OK))
    expect((await client.request('/')).text()).toBe('ok')
  })

  it('are never held by a body that nobody reads', async () => {
    const server = await httpServer((_req, res) => res.end('x'.repeat(200_000)))
    const client = clientOf(server.url, { connections: 1, queue: 100 })
    await Promise.all(Array.from({ length: 20 }, () => client.request('/')))
    expect(server.connections()).toBe(1)
  })

  it('end when they are too old, so that a name is looked up again', async () => {
    const server = await httpServer((_req, res) => res.end('ok'))
    const client = clientOf(server.url, { maxConnectionAgeMs: 1000 })
    await client.request('/')
    await client.request('/')
    expect(server.connections()).toBe(1)
    await wait(1100)
    await client.request('/')
    expect(server.connections()).toBe(2)
    await vi.waitFor(() => expect(client.stats).toMatchObject([{ connections: 1 }]))
  })

  it.each([
    ['keepAliveMs', '', 200],
    ['what the server says', 'Keep-Alive: timeout=2\r\n', 60_000],
  ])('that are idle end after %s', async (_case, header, keepAliveMs) => {
    const server = await rawServer((socket) =>
      socket.write(`HTTP/1.1 200 OK\r\n${header}Content-Length: 0\r\n\r\n`),
    )
    const client = clientOf(server.url, { keepAliveMs })
    await client.request('/')
    expect(server.sockets.size).toBe(1)
    await vi.waitFor(() => expect(server.sockets.size).toBe(0), { timeout: 5000 })
    expect((await client.request('/')).status).toBe(200)
  })

  it('are kept no longer because the server says so', async () => {
    const server = await rawServer((socket) =>
      socket.write('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=999999\r\nContent-Length: 0\r\n\r\n'),
    )
    await clientOf(server.url, { keepAliveMs: 200 }).request('/')
    await vi.waitFor(() => expect(server.sockets.size).toBe(0), { timeout: 5000 })
  })
})

describe('a kept connection that the server closes just as a request goes out', () => {
  /** Answers the first request of a connection and resets at the second. */
  async function stale() {
    const server = await rawServer((socket, _text, number) => {
      if (number > 1) socket.resetAndDestroy()
      else socket.write(OK)
    })
    const client = clientOf(server.url)
    return { server, client }
  }

  it.each(['GET', 'PUT', 'DELETE'])('costs %s another attempt at once', async (method) => {
    const { server, client } = await stale()
    await client.request('/')
    for (let i = 0; i < 3; i++) expect((await client.request('/', { method })).text()).toBe('ok')
    expect(server.requests).toHaveLength(7)
  })

  it('is a failure for POST, which is sent once only', async () => {
    const { server, client } = await stale()
    await client.request('/')
    const { error } = await timed(client.request('/', { method: 'POST', body: 'pay' }))
    expect(error).toMatchObject({ code: 'ERR_RESILIENCE_HTTP', transient: true })
    expect(server.requests.filter((text) => text.startsWith('POST'))).toHaveLength(1)
    expect((await client.request('/', { method: 'POST', body: 'pay' })).text()).toBe('ok')
  })

  it('is none for a POST that may be sent twice', async () => {
    const { server, client } = await stale()
    await client.request('/')
    const init = { method: 'POST', body: 'pay', idempotent: true }
    expect((await client.request('/', init)).text()).toBe('ok')
    expect(server.requests.filter((text) => text.startsWith('POST'))).toHaveLength(2)
  })

  it('is a failure for all when the new one is reset too', async () => {
    const { server, client } = await stale()
    await client.request('/')
    server.answer((socket) => socket.resetAndDestroy())
    await expect(client.request('/')).rejects.toThrow('ECONNRESET')
    expect(server.accepted()).toBe(2)
  })

  it('is noticed before anything is sent, where it is closed a little earlier', async () => {
    const server = await rawServer((socket) => {
      socket.write(OK)
      setTimeout(() => socket.end(), 10)
    })
    const client = clientOf(server.url)
    for (let i = 0; i < 10; i++) {
      // By chance before, at or after the end of the connection.
      expect((await client.request('/', { method: 'POST', body: 'pay' })).text()).toBe('ok')
      await wait(30)
    }
    expect(server.requests).toHaveLength(10)
  })
})

describe('origins', () => {
  it('are no more than `maxOrigins`: the one idle for longest makes room', async () => {
    const servers = await Promise.all([1, 2, 3].map(() => httpServer((_req, res) => res.end('ok'))))
    const [first, second, third] = servers.map(({ url }) => url) as [string, string, string]
    const client = clientOf(undefined, { privateHosts: ['127.0.0.1'], maxOrigins: 2 })
    for (const url of [first, second, first, third]) await client.request(url)
    const known = client.stats.map(({ origin }) => `${origin}/`)
    expect(known).toEqual([first, third])
  })

  it('are refused beyond that while all are in use', async () => {
    const busy = await rawServer(() => {})
    const other = await httpServer((_req, res) => res.end('ok'))
    const client = clientOf(undefined, { privateHosts: ['127.0.0.1'], maxOrigins: 1 })
    const controller = new AbortController()
    const asked = timed(client.request(busy.url, { signal: controller.signal }))
    await expect(client.request(other.url)).rejects.toBeInstanceOf(FullError)
    controller.abort()
    await asked
    expect((await client.request(other.url)).text()).toBe('ok')
  })
})

describe('close', () => {
  it('lets what is under way end, also what waits for its turn, and takes nothing new', async () => {
    const server = await httpServer((req, res) => setTimeout(() => res.end(req.url), 200))
    const client = clientOf(server.url, { connections: 1 })
    const asked = ['/1', '/2', '/3'].map((path) => client.request(path))
    const closed = client.close()
    await expect(client.request('/4')).rejects.toThrow('/4: refused, the client is closed')
    // At once, and not when the others have ended.
    expect(client.stats).toMatchObject([{ running: 1, queued: 2 }])
    expect((await Promise.all(asked)).map((answer) => answer.text())).toEqual(['/1', '/2', '/3'])
    await closed
    expect(client.stats).toMatchObject([{ running: 0, queued: 0, connections: 0 }])
    expect(client.close()).toBe(client.close())
  })

  it('ends kept connections at once', async () => {
    const server = await rawServer((socket) => socket.write(OK))
    const client = clientOf(server.url)
    await Promise.all([client.request('/'), client.request('/')])
    const { ms } = await timed(client.close())
    expect(ms).toBeLessThan(2500)
    await vi.waitFor(() => expect(server.sockets.size).toBe(0))
  })

  it('is bounded by the total timeout, with retries under way too', async () => {
    const server = await rawServer(() => {})
    const client = clientOf(server.url, {
      timeout: { totalMs: 400, attemptMs: 100 },
      retry: { attempts: 100, minDelayMs: 50 },
    })
    const asked = timed(client.request('/'))
    const { ms } = await timed(client.close())
    expect(ms).toBeLessThan(3400)
    expect((await asked).error).toBeInstanceOf(Error)
    await vi.waitFor(() => expect(server.sockets.size).toBe(0))
  })
})
