import { connect as connectSocket } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import { memoryEventStore } from '../src/index.js'
import { begin, call, events, initializeBody, post, send } from './raw.js'
import { authOf, serve } from './support.js'

const UNKNOWN = '00000000-0000-4000-8000-000000000000'
const mallory = { 'x-principal': 'mallory' }

/** What a client sees of an answer, without what differs by nature. */
async function seenOf(response: Response) {
  const headers = [...response.headers].filter(([name]) => name !== 'date')
  return { status: response.status, headers, text: await response.text() }
}

describe('an id that the client proposes', () => {
  it.each([UNKNOWN, 'mine', '__proto__', 'constructor', 'x'.repeat(4000)])(
    '%.20s is no session',
    async (id) => {
      const { url, sessions } = await serve()
      const response = await post(url, initializeBody(), { 'mcp-session-id': id })
      expect(response.status).toBe(404)
      expect(response.headers.has('mcp-session-id')).toBe(false)
      for (const [method, body] of [['POST', call('whoami')], ['GET'], ['DELETE']] as const) {
        const headers = { 'x-principal': 'alice', 'mcp-session-id': id }
        expect((await send(url, method, headers, body)).status).toBe(404)
      }
      expect(sessions.state()).toMatchObject({ sessions: 0, created: 0 })
    },
  )

  it('is never taken up by a session: each has one of its own', async () => {
    const { url } = await serve()
    const ids = await Promise.all(Array.from({ length: 20 }, async () => (await begin(url)).id))
    expect(new Set(ids).size).toBe(20)
    for (const id of ids)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  it('cannot initialize a session a second time', async () => {
    const { url } = await serve()
    const { headers } = await begin(url)
    expect((await post(url, initializeBody(), headers)).status).toBe(400)
    expect((await post(url, call('whoami'), headers)).status).toBe(200)
  })
})

describe('the session of another', () => {
  const requests: ['POST' | 'GET' | 'DELETE', object?][] = [
    ['POST', call('whoami')],
    ['POST', { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } }],
    ['POST', { jsonrpc: '2.0', id: 0, result: {} }],
    ['POST', initializeBody()],
    ['GET'],
    ['DELETE'],
  ]

  it.each(requests)('is like one that never was: %s %j', async (method, body) => {
    const { url, sessions } = await serve({ eventStore: memoryEventStore() })
    const { id } = await begin(url)
    const theirs = await send(url, method, { ...mallory, 'mcp-session-id': id }, body)
    const unknown = await send(url, method, { ...mallory, 'mcp-session-id': UNKNOWN }, body)
    expect(theirs.status).toBe(404)
    expect(await seenOf(theirs)).toEqual(await seenOf(unknown))
    expect(sessions.state()).toMatchObject({ sessions: 1, streams: 0 })
  })

  it('neither is bound to a client of that name, nor to another tenant', async () => {
    const { url } = await serve({
      authenticate: ({ headers }) => {
        const [kind, name = '', tenant] = String(headers['x-who']).split(' ')
        if (kind === 'client') return { token: 't', clientId: name, scopes: [] }
        return authOf(name, { extra: { principal: name, ...(tenant && { tenant }) } })
      },
    })
    const { headers } = await begin(url, { 'x-who': 'principal bob a' })
    expect((await post(url, call('whoami'), headers)).status).toBe(200)
    for (const who of ['client bob', 'principal bob', 'principal bob b', 'principal ["bob","a"]'])
      expect((await post(url, call('whoami'), { ...headers, 'x-who': who })).status).toBe(404)
  })

  it('gives no answer to another: what the server asked is answered by its client alone', async () => {
    const { url } = await serve()
    const { headers } = await begin(url)
    const stream = events(await post(url, call('sample'), headers))
    await vi.waitFor(() => expect(stream.messages()).toHaveLength(1))
    const [ask] = stream.messages()
    const answer = {
      jsonrpc: '2.0',
      id: ask?.id,
      result: { role: 'assistant', model: 'evil', content: { type: 'text', text: 'pwned' } },
    }
    expect((await post(url, answer, { ...headers, ...mallory })).status).toBe(404)
    const own = await begin(url, mallory)
    expect((await post(url, answer, own.headers)).status).toBe(202)
    expect(stream.messages()).toHaveLength(1)
    const honest = {
      ...answer,
      result: { ...answer.result, content: { type: 'text', text: 'hi' } },
    }
    expect((await post(url, honest, headers)).status).toBe(202)
    await stream.reading
    expect(stream.state.text).toContain('hi')
    expect(stream.state.text).not.toContain('pwned')
  })
})

describe('where the id stands', () => {
  it('is not looked for in the query', async () => {
    const { url } = await serve()
    const { id } = await begin(url)
    const asked = new URL(`${url}?Mcp-Session-Id=${id}&sessionId=${id}`)
    const headers = { 'x-principal': 'alice' }
    expect((await send(asked, 'GET', headers)).status).toBe(400)
    expect((await send(asked, 'DELETE', headers)).status).toBe(400)
    const answer = await post(asked, call('whoami'))
    expect(answer.headers.get('x-served')).toBe('stateless')
  })

  const raw = (url: URL, lines: readonly string[]) =>
    new Promise<string>((resolve) => {
      let text = ''
      const socket = connectSocket(Number(url.port), url.hostname)
      socket.on('data', (chunk) => {
        text += chunk
      })
      socket.on('close', () => resolve(text))
      socket.end(
        [
          'DELETE /mcp HTTP/1.1',
          'Host: x',
          'X-Principal: alice',
          'Connection: close',
          ...lines,
          '',
          '',
        ].join('\r\n'),
      )
    })

  it.each([
    [
      'two headers',
      (own: string, other: string) => [`Mcp-Session-Id: ${own}`, `Mcp-Session-Id: ${other}`],
    ],
    ['the same twice', (own: string) => [`Mcp-Session-Id: ${own}`, `mcp-session-id: ${own}`]],
    ['two in one', (own: string, other: string) => [`Mcp-Session-Id: ${own}, ${other}`]],
    ['no blank between', (own: string, other: string) => [`Mcp-Session-Id: ${own},${other}`]],
    ['an empty one', () => ['Mcp-Session-Id:']],
    ['blanks in it', (own: string) => [`Mcp-Session-Id: ${own} x`]],
    ['no ASCII', () => ['Mcp-Session-Id: \u00e9']],
  ])('is one header with one id, not %s', async (_, linesOf) => {
    const { url, sessions } = await serve()
    const one = await begin(url)
    const other = await begin(url)
    expect(await raw(url, linesOf(one.id, other.id))).toMatch(/^HTTP\/1.1 400 /)
    expect(sessions.state().sessions).toBe(2)
  })

  it('injects no header: what was sent is never echoed', async () => {
    const { url } = await serve()
    const { id, headers } = await begin(url)
    const text = await raw(url, [`Mcp-Session-Id: ${id.slice(0, -1)}%0d%0aX-Evil:1`])
    expect(text).toMatch(/^HTTP\/1.1 404 /)
    expect(text).not.toContain('%0d')
    expect(text.toLowerCase()).not.toContain('x-evil')
    expect((await post(url, call('whoami'), headers)).status).toBe(200)
  })
})

describe('what a request may', () => {
  it('is what its own token says, whatever the session began with', async () => {
    const { url } = await serve()
    const { headers } = await begin(url, { 'x-scopes': 'admin read' })
    const said = async (scopes: string) =>
      (await post(url, call('whoami'), { ...headers, 'x-scopes': scopes })).text()
    expect(await said('admin read')).toContain('alice admin,read')
    expect(await said('read')).toContain('alice read"')
    expect(await said('')).toContain('alice "')
  })

  it('tells the factory of no token', async () => {
    const contexts: object[] = []
    const { createTestServer } = await import('./support.js')
    const { url } = await serve({
      createServer: (context) => {
        contexts.push(context)
        return createTestServer(context)
      },
    })
    await begin(url, { 'x-scopes': 'admin' })
    expect(contexts).toEqual([{ era: 'legacy' }])
  })

  it('gives a stream begun with more scopes to no token with fewer', async () => {
    const { url } = await serve({ eventStore: memoryEventStore() })
    const { headers } = await begin(url, { 'x-scopes': 'secrets read' })
    const stream = events(await post(url, call('whoami'), headers))
    await stream.reading
    const last = { ...headers, 'last-event-id': String(stream.got[0]?.id) }
    const lesser = await send(url, 'GET', { ...last, 'x-scopes': 'read' })
    expect([lesser.status, await lesser.text()]).toEqual([
      403,
      expect.not.stringContaining('alice'),
    ])
    const same = await send(url, 'GET', last)
    expect([same.status, await same.text()]).toEqual([
      200,
      expect.stringContaining('alice secrets'),
    ])
  })

  it('ends with the token: a revoked one gets no further, an open stream ends with its expiry', async () => {
    const { url, sessions } = await serve({
      authenticate: ({ headers }) =>
        headers['x-revoked']
          ? undefined
          : authOf('alice', { expiresAt: Number(headers['x-expires'] ?? 4e9) }),
    })
    const { headers } = await begin(url)
    for (const method of ['GET', 'DELETE'])
      expect((await send(url, method, { ...headers, 'x-revoked': '1' })).status).toBe(401)
    const expiresAt = Math.ceil(Date.now() / 1000) + 1
    const stream = events(await send(url, 'GET', { ...headers, 'x-expires': String(expiresAt) }))
    await vi.waitFor(() => expect(sessions.state().streams).toBe(1))
    await stream.reading
    expect(stream.state.ended).toBe(true)
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt * 1000 - 50)
    const late = await send(url, 'GET', { ...headers, 'x-expires': '1000' })
    expect([late.status, late.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringContaining('invalid_token'),
    ])
    await vi.waitFor(() => expect(sessions.state().streams).toBe(0))
  })

  it('can be taken back: the owner of the server ends the sessions of a principal', async () => {
    const { url, sessions, closed } = await serve()
    const { headers } = await begin(url)
    const { headers: others } = await begin(url, mallory)
    const stream = events(await send(url, 'GET', headers))
    expect(sessions.end('alice')).toBe(1)
    await stream.reading
    expect(closed.map(({ reason, session }) => [reason, session.principal])).toEqual([
      ['ended', 'alice'],
    ])
    expect((await post(url, call('whoami'), headers)).status).toBe(404)
    expect((await post(url, call('whoami'), others)).status).toBe(200)
  })
})

describe('a Last-Event-ID', () => {
  it.each([
    '',
    '0',
    '-',
    '1-',
    'x-1',
    '1-1-1',
    '9-0',
    '-1-0',
    '0x1-0',
    '__proto__-1',
    `${'9'.repeat(30)}-0`,
    '999-0',
  ])('that is forged (%s) gives nothing', async (id) => {
    const { url } = await serve({ eventStore: memoryEventStore() })
    const { headers } = await begin(url)
    await (await post(url, call('whoami'), headers)).text()
    const response = await send(url, 'GET', { ...headers, 'last-event-id': id })
    if (id === '') expect(response.status).toBe(200)
    else
      expect([response.status, await response.text()]).toEqual([
        400,
        expect.not.stringContaining('alice'),
      ])
  })

  it('of another session gives what the own one has under it, and nothing of the other', async () => {
    const { url } = await serve({ eventStore: memoryEventStore() })
    const one = await begin(url)
    const two = await begin(url, mallory)
    const stream = events(await post(url, call('whoami'), one.headers))
    await stream.reading
    const first = String(stream.got[0]?.id)
    const response = await send(url, 'GET', { ...two.headers, 'last-event-id': first })
    expect(await response.text()).not.toContain('alice')
    const own = events(await post(url, call('whoami'), two.headers))
    await own.reading
    const again = await send(url, 'GET', { ...two.headers, 'last-event-id': first })
    const text = await again.text()
    expect(text).toContain('mallory')
    expect(text).not.toContain('alice')
  })
})

describe('callers whom nobody has authenticated', () => {
  it('have no session, and it is told to whoever has set it up so', async () => {
    const { url, failures, sessions } = await serve({ authenticate: () => undefined })
    expect((await post(url, initializeBody())).status).toBe(500)
    expect(failures).toMatchObject([{ code: 'ERR_SESSIONS_ANONYMOUS' }])
    for (const method of ['GET', 'DELETE'])
      expect((await send(url, method, { 'mcp-session-id': UNKNOWN })).status).toBe(404)
    expect(sessions.state().created).toBe(0)
  })

  it('have one where the owner allows it, which no authenticated caller gets into', async () => {
    const { url } = await serve({ dangerouslyAllowAnonymous: true })
    const response = await send(url, 'POST', {}, initializeBody())
    await response.text()
    const id = { 'mcp-session-id': String(response.headers.get('mcp-session-id')) }
    expect((await send(url, 'POST', id, call('whoami'))).status).toBe(200)
    expect((await send(url, 'POST', { ...id, ...mallory }, call('whoami'))).status).toBe(404)
  })
})

it('takes the same time for the session of another as for one that never was', async () => {
  const { url } = await serve()
  const { id } = await begin(url)
  const times: Record<string, number[]> = { [id]: [], [UNKNOWN]: [] }
  for (let round = 0; round < 100; round++)
    for (const [asked, tookMs] of Object.entries(times)) {
      const begun = performance.now()
      await (await send(url, 'DELETE', { ...mallory, 'mcp-session-id': asked })).text()
      tookMs.push(performance.now() - begun)
    }
  const [own = 0, unknown = 0] = Object.values(times).map(
    (all) => all.sort((a, b) => a - b)[all.length >> 1],
  )
  // Both are one look-up of a key that does not exist; a second step for a known id would show as a difference.
  expect(Math.abs(own - unknown)).toBeLessThan(Math.max(1, 0.5 * unknown))
})
