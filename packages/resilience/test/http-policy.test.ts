import type { IncomingHttpHeaders, RequestListener } from 'node:http'
import { describe, expect, it } from 'vitest'
import { type HttpEvent, OpenError, withDeadline } from '../src/index.js'
import { clientOf, httpServer, rawServer, timed } from './http-servers.js'

/** Answers with one status after the other, the last one again and again. */
async function statuses(list: number[], headers: Record<string, string> = {}) {
  let asked = 0
  const server = await httpServer((_req, res) => {
    const status = list[Math.min(asked++, list.length - 1)] ?? 200
    res.writeHead(status, status === 200 ? {} : headers).end(`answer ${asked}`)
  })
  return { ...server, asked: () => asked }
}

const RETRY = { minDelayMs: 1, maxDelayMs: 10 }

describe('an answer', () => {
  it.each([200, 201, 204, 400, 401, 403, 404, 409, 422, 501, 505])(
    'with status %i is one, the first time',
    async (status) => {
      const server = await statuses([status])
      expect((await clientOf(server.url, { retry: RETRY }).request('/')).status).toBe(status)
      expect(server.asked()).toBe(1)
    },
  )

  it.each([301, 302, 303, 307, 308])('with status %i is not followed', async (status) => {
    const elsewhere = await rawServer(() => {})
    const server = await statuses([status], { location: elsewhere.url })
    const answer = await clientOf(server.url, { retry: RETRY }).request('/')
    expect(answer).toMatchObject({ status, headers: { location: elsewhere.url } })
    expect(elsewhere.accepted()).toBe(0)
  })

  it.each([408, 429, 500, 502, 503, 504])('with status %i is asked for again', async (status) => {
    const server = await statuses([status, status, 200])
    const answer = await clientOf(server.url, { retry: RETRY }).request('/')
    expect({ status: answer.status, text: answer.text() }).toEqual({
      status: 200,
      text: 'answer 3',
    })
  })

  it('is given as it is when attempts are used up', async () => {
    const server = await statuses([503])
    const answer = await clientOf(server.url, { retry: RETRY }).request('/')
    expect({ status: answer.status, text: answer.text() }).toEqual({
      status: 503,
      text: 'answer 3',
    })
    expect(server.asked()).toBe(3)
  })

  it('to a request that may not be sent twice is given the first time', async () => {
    const server = await statuses([503, 200])
    const client = clientOf(server.url, { retry: RETRY })
    expect((await client.request('/', { method: 'POST' })).status).toBe(503)
    expect((await client.request('/', { method: 'PATCH' })).status).toBe(200)
    expect((await client.request('/', { idempotent: false })).status).toBe(200)
    expect(server.asked()).toBe(3)
  })

  it('may be judged otherwise', async () => {
    const server = await statuses([503, 404, 200])
    const isRetryable = (error: unknown) => (error as { status?: number }).status === 404
    const client = clientOf(server.url, { retry: { ...RETRY, isRetryable } })
    expect((await client.request('/')).status).toBe(503)
  })
})

describe('Retry-After', () => {
  const date = new Date('2030-01-01T00:00:00Z')
  const later = new Date(date.getTime() + 1000)

  it.each<[string, Record<string, string>]>([
    ['in seconds', { 'retry-after': '1' }],
    [
      'as a date, by the clock of the server',
      { 'retry-after': later.toUTCString(), date: date.toUTCString() },
    ],
  ])('%s is waited for', async (_case, headers) => {
    const server = await statuses([503, 200], headers)
    const { ms, value } = await timed(clientOf(server.url, { retry: RETRY }).request('/'))
    expect(value?.status).toBe(200)
    expect(ms).toBeGreaterThan(950)
  })

  it.each(['120', later.toUTCString()])('that is too long is no retry: %s', async (value) => {
    const server = await statuses([429, 200], { 'retry-after': value })
    const answer = await clientOf(server.url, { retry: RETRY }).request('/')
    expect(answer).toMatchObject({ status: 429, headers: { 'retry-after': value } })
    expect(server.asked()).toBe(1)
  })

  it.each(['-5', 'soon', '1e3', 'Infinity', '99999999999999', ''])(
    'that is none is not waited for: %j',
    async (value) => {
      const server = await statuses([503, 200], { 'retry-after': value })
      const { ms, value: answer } = await timed(clientOf(server.url, { retry: RETRY }).request('/'))
      expect(answer?.status).toBe(200)
      expect(ms).toBeLessThan(4000)
    },
  )
})

describe('the breaker', () => {
  const breaker = { minimumCalls: 4, openMs: 2000 }

  it('of an origin that is dead leaves the others alone, and answers at once', async () => {
    const dead = await rawServer(() => {})
    const works = await httpServer((_req, res) => res.end('ok'))
    const client = clientOf(undefined, {
      privateHosts: ['127.0.0.1'],
      breaker,
      timeout: { attemptMs: 2000 },
    })
    client.check()
    await Promise.all(Array.from({ length: 4 }, () => timed(client.request(dead.url))))
    const { ms, error } = await timed(client.request(dead.url))
    expect(error).toBeInstanceOf(OpenError)
    expect(error?.message).toContain(`test (${dead.url.slice(0, -1)})`)
    expect(ms).toBeLessThan(1000)
    expect(dead.accepted()).toBe(4)
    expect((await client.request(works.url)).text()).toBe('ok')
    expect(client.stats.map(({ state }) => state).sort()).toEqual(['closed', 'open'])
    expect(() => client.check()).toThrow(OpenError)
  })

  it('closes by itself when the server is back', async () => {
    const server = await statuses([500, 500, 500, 500, 200])
    const client = clientOf(server.url, { breaker })
    for (let i = 0; i < 4; i++) await client.request('/')
    await expect(client.request('/')).rejects.toBeInstanceOf(OpenError)
    await new Promise((resolve) => setTimeout(resolve, 2100))
    expect((await client.request('/')).status).toBe(200)
    expect(client.stats).toMatchObject([{ state: 'closed' }])
    client.check()
  })

  it.each([408, 429])(
    'closes by itself when the server is back and answers %i, as after an outage it will',
    async (status) => {
      const server = await statuses([500, 500, 500, 500, status])
      const client = clientOf(server.url, { breaker, retry: false })
      for (let i = 0; i < 4; i++) await client.request('/')
      await expect(client.request('/')).rejects.toBeInstanceOf(OpenError)
      await new Promise((resolve) => setTimeout(resolve, 2100))
      expect((await client.request('/')).status).toBe(status)
      expect(client.stats).toMatchObject([{ state: 'closed' }])
      const crowd = await Promise.all(Array.from({ length: 10 }, () => client.request('/')))
      expect(crowd.map((answer) => answer.status)).toEqual(Array(10).fill(status))
    },
  )

  it.each([400, 404, 408, 429])(
    'takes status %i for that of a server that works',
    async (status) => {
      const server = await statuses([status])
      const client = clientOf(server.url, { breaker })
      for (let i = 0; i < 20; i++) expect((await client.request('/')).status).toBe(status)
      expect(client.stats).toMatchObject([{ state: 'closed' }])
    },
  )

  it.each<[string, RequestListener]>([
    ['500', (_req, res) => res.writeHead(500).end()],
    ['501', (_req, res) => res.writeHead(501).end()],
    ['too much', (_req, res) => res.end('x'.repeat(2000))],
    ['nonsense', (req) => req.socket.end('nonsense')],
    ['a reset', (req) => req.socket.resetAndDestroy()],
  ])('takes %s for a failure', async (_case, listener) => {
    const server = await httpServer(listener)
    const client = clientOf(server.url, { breaker, maxResponseBytes: 1000 })
    for (let i = 0; i < 4; i++) await timed(client.request('/'))
    await expect(client.request('/')).rejects.toBeInstanceOf(OpenError)
  })
})

describe('what goes along', () => {
  it('are the headers of all requests, those of this one, and what is left of the time', async () => {
    const seen: IncomingHttpHeaders[] = []
    const server = await httpServer((req, res) => {
      seen.push(req.headers)
      res.writeHead(seen.length === 1 ? 503 : 200).end()
    })
    const client = clientOf(server.url, {
      retry: { ...RETRY, minDelayMs: 5 },
      headers: () => ({ 'X-Request-Id': 'r-1', 'x-absent': undefined, 'X-Both': 'common' }),
    })
    const headers = { authorization: 'Bearer t', 'x-both': 'own' }
    await withDeadline(2000, () => client.request('/', { headers }))
    expect(seen).toHaveLength(2)
    for (const one of seen) {
      expect(one).toMatchObject({
        'x-request-id': 'r-1',
        'x-both': 'own',
        authorization: 'Bearer t',
      })
      expect(one).not.toHaveProperty('x-absent')
      expect(Number(one['x-request-timeout-ms'])).toBeGreaterThan(0)
      expect(Number(one['x-request-timeout-ms'])).toBeLessThanOrEqual(2000)
    }
  })

  it('is the body, as text or bytes, again at each attempt', async () => {
    const bodies: string[] = []
    const server = await httpServer(async (req, res) => {
      const chunks: Buffer[] = []
      for await (const chunk of req) chunks.push(chunk)
      bodies.push(Buffer.concat(chunks).toString('latin1'))
      res.writeHead(bodies.length % 2 ? 503 : 200).end()
    })
    const client = clientOf(server.url, { retry: RETRY })
    for (const body of ['text', new Uint8Array([0, 13, 10, 255])])
      await client.request('/', { method: 'PUT', body })
    expect(bodies).toEqual(['text', 'text', '\0\r\n\xff', '\0\r\n\xff'])
  })
})

describe('a deadline', () => {
  it('that is earlier ends a request', async () => {
    const server = await rawServer(() => {})
    const client = clientOf(server.url)
    const { ms, error } = await timed(withDeadline(200, () => client.request('/')))
    expect(error).toMatchObject({ code: 'ERR_RESILIENCE_TIMEOUT' })
    expect(ms).toBeLessThan(3200)
  })
})

describe('onEvent', () => {
  it('tells the client and the origin', async () => {
    const events: HttpEvent[] = []
    const server = await statuses([503, 200])
    const client = clientOf(server.url, { retry: RETRY, onEvent: (event) => events.push(event) })
    await client.request('/a?secret')
    const origin = server.url.slice(0, -1)
    expect(events).toMatchObject([
      { policy: 'test', origin, type: 'retry', attempt: 2, error: { status: 503 } },
      { policy: 'test', origin, type: 'success' },
    ])
    const [{ error } = {}] = events as { error?: Error }[]
    expect(error?.message).toBe(
      `@mcp-prod/resilience: test: GET ${origin}/a: answered with status 503`,
    )
  })
})
