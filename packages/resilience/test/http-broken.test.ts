import { createServer, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { HttpError } from '../src/index.js'
import { clientOf, httpServer, OK, rawServer, timed } from './http-servers.js'

const HEAD = 'HTTP/1.1 200 OK\r\n'
const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`

/** Writes, and then resets when that has surely arrived. */
function thenReset(text: string) {
  return (socket: Socket) => {
    if (text) socket.write(text)
    setTimeout(() => socket.resetAndDestroy(), 50)
  }
}

describe('a connection that breaks is a transient failure, and the next request works:', () => {
  it.each<[string, (socket: Socket) => void, RegExp]>([
    ['reset at once', (socket) => socket.resetAndDestroy(), /ECONNRESET/],
    ['reset amid the headers', thenReset('HTTP/1.1 200 OK\r\nContent-'), /ECONNRESET/],
    ['reset amid the body', thenReset(`${HEAD}Content-Length: 9\r\n\r\nhalf`), /ECONNRESET/],
    ['reset amid the chunks', thenReset(`${CHUNKED}4\r\nhalf\r\n`), /ECONNRESET/],
    ['reset amid a body without a length', thenReset(`${HEAD}\r\nhalf`), /ECONNRESET/],
    [
      'reset amid the last body of a connection',
      thenReset(`${HEAD}Connection: close\r\n\r\nhalf`),
      /ECONNRESET/,
    ],
    ['ended without an answer', (socket) => socket.end(), /other side closed/],
    ['ended amid the headers', (socket) => socket.end('HTTP/1.1 200'), /other side closed/],
    [
      'ended amid the body',
      (socket) => socket.end(`${HEAD}Content-Length: 9\r\n\r\nhalf`),
      /other side closed/,
    ],
    [
      'ended amid the last body of a connection',
      (socket) => socket.end(`${HEAD}Connection: close\r\nContent-Length: 9\r\n\r\nhalf`),
      /CONTENT_LENGTH_MISMATCH/,
    ],
    [
      'ended amid the chunks',
      (socket) => socket.end(`${CHUNKED}4\r\nhalf\r\n`),
      /other side closed/,
    ],
  ])('%s', async (_case, misbehave, message) => {
    const server = await rawServer(misbehave)
    const client = clientOf(server.url, { timeout: { attemptMs: 9000 } })
    const { error, ms } = await timed(client.request('/path?query=secret'))
    expect(error).toBeInstanceOf(HttpError)
    expect(error).toMatchObject({ code: 'ERR_RESILIENCE_HTTP', transient: true, status: undefined })
    expect(error?.message).toMatch(message)
    expect(error?.message).toContain(`test: GET ${server.url}path: `)
    expect(error?.message).not.toContain('secret')
    expect(ms).toBeLessThan(8000)
    server.answer((socket) => socket.write(OK))
    expect((await client.request('/')).text()).toBe('ok')
    // A new one was needed, and one only.
    expect(server.accepted()).toBe(2)
  })

  it('refused', async () => {
    const server = await rawServer((socket) => socket.write(OK))
    await server.stop()
    const client = clientOf(server.url)
    const { error, ms } = await timed(client.request('/'))
    expect(error).toMatchObject({ code: 'ERR_RESILIENCE_HTTP', transient: true })
    expect(error?.message).toMatch(/ECONNREFUSED/)
    expect(ms).toBeLessThan(2000)
    await server.restart()
    expect((await client.request('/')).text()).toBe('ok')
  })

  it('refused on every address of a name', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    server.close()
    const { error } = await timed(clientOf(`http://localhost:${port}/`).request('/'))
    expect(error?.message).toMatch(/ECONNREFUSED/)
    expect(error).toMatchObject({ transient: true })
  })
})

describe('a server that lies gets no belief, and the next request works:', () => {
  it.each([
    ['two lengths that differ', `${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\nok!`],
    ['a list of lengths', `${HEAD}Content-Length: 2, 2\r\n\r\nok`],
    ['a negative length', `${HEAD}Content-Length: -2\r\n\r\nok`],
    ['a signed length', `${HEAD}Content-Length: +2\r\n\r\nok`],
    ['a length of letters', `${HEAD}Content-Length: 0x2\r\n\r\nok`],
    ['a length beyond all numbers', `${HEAD}Content-Length: 99999999999999999999\r\n\r\nok`],
    [
      'a length and chunks',
      `${HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
    ],
    [
      'chunks and a length',
      `${HEAD}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
    ],
    ['a chunk of no size', `${CHUNKED}zz\r\nok\r\n0\r\n\r\n`],
    ['a chunk of negative size', `${CHUNKED}-2\r\nok\r\n0\r\n\r\n`],
    ['a chunk beyond all numbers', `${CHUNKED}fffffffffffffffffff\r\nok\r\n0\r\n\r\n`],
    ['a chunk that is longer than it says', `${CHUNKED}1\r\nok\r\n0\r\n\r\n`],
    ['a coding that was not asked for', `${HEAD}Transfer-Encoding: gzip\r\n\r\nok`],
    [
      'a coding after chunks',
      `${HEAD}Transfer-Encoding: chunked, gzip\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
    ],
    ['codings twice', `${HEAD}Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['no HTTP at all', 'hello\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x00\x05\x01\x02\x03'],
    ['a status that is none', 'HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok'],
    ['lines that end too early', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'],
    ['another protocol', 'HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nok'],
  ])('%s', async (_case, text) => {
    const server = await rawServer((socket) => socket.write(text))
    const client = clientOf(server.url, { timeout: { attemptMs: 9000 } })
    const { error, ms } = await timed(client.request('/'))
    expect(error).toMatchObject({ code: 'ERR_RESILIENCE_HTTP' })
    expect(error?.message).not.toContain('\n')
    expect(ms).toBeLessThan(8000)
    server.answer((socket) => socket.write(OK))
    expect((await client.request('/')).text()).toBe('ok')
    expect(server.accepted()).toBe(2)
  })

  it('what came is not kept with the error', async () => {
    const server = await rawServer((socket) => socket.write('secret of the server'))
    const { error } = await timed(clientOf(server.url).request('/'))
    expect(error?.cause).toBeInstanceOf(Error)
    expect(JSON.stringify(error?.cause)).not.toContain('secret')
    expect(Object.values(error?.cause as object).join()).not.toContain('secret')
  })
})

describe('an answer that goes on after its end', () => {
  it('is never taken for that of the next request', async () => {
    const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'
    const server = await rawServer((socket) => socket.write(OK + poison))
    const client = clientOf(server.url, { connections: 1 })
    for (let i = 0; i < 5; i++) expect((await client.request('/')).text()).toBe('ok')
    expect(server.accepted()).toBe(5)
  })

  it('is not waited for', async () => {
    const server = await rawServer((socket) => {
      socket.write(OK)
      setTimeout(() => socket.write('late'), 20)
    })
    const client = clientOf(server.url, { connections: 1 })
    for (let i = 0; i < 5; i++) {
      expect((await client.request('/')).text()).toBe('ok')
      await new Promise((resolve) => setTimeout(resolve, 40))
    }
    expect(server.accepted()).toBe(5)
  })
})

describe('an answer without a body', () => {
  it.each([204, 304])('%i may tell a length', async (status) => {
    const server = await rawServer((socket) =>
      socket.write(`HTTP/1.1 ${status} X\r\nContent-Length: 99999999\r\nETag: "a"\r\n\r\n`),
    )
    const client = clientOf(server.url)
    for (let i = 0; i < 3; i++) {
      const { status: got, body, headers } = await client.request('/')
      expect({ got, length: body.length, etag: headers.etag }).toEqual({
        got: status,
        length: 0,
        etag: '"a"',
      })
    }
  })

  it('to HEAD may tell any length', async () => {
    const server = await httpServer((_req, res) => res.setHeader('content-length', 10 ** 10).end())
    const { headers, body } = await clientOf(server.url).request('/', { method: 'HEAD' })
    expect(headers['content-length']).toBe(String(10 ** 10))
    expect(body).toHaveLength(0)
  })
})

describe('headers of an answer', () => {
  it('are no names of an object', async () => {
    const server = await rawServer((socket) =>
      socket.write(
        `${HEAD}__proto__: x\r\nX-A: 1\r\nx-a: 2\r\nempty:\r\nContent-Length: 0\r\n\r\n`,
      ),
    )
    const { headers } = await clientOf(server.url).request('/')
    expect(Object.entries(headers)).toEqual([
      ['__proto__', 'x'],
      ['x-a', ['1', '2']],
      ['empty', ''],
      ['content-length', '0'],
    ])
    expect(headers.constructor).toBeUndefined()
  })
})
