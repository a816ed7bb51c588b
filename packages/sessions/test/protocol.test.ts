import { McpServer as ServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { McpServer } from '@modelcontextprotocol/server'
import { describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { begin, call, events, initializeBody, post, send } from './raw.js'
import { connect, createTestServer, info, seen, serve } from './support.js'

const modernMeta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': info,
  'io.modelcontextprotocol/clientCapabilities': {},
}

describe('goes on to the stateless handler', () => {
  it('what is of the modern era, whatever session id it carries', async () => {
    const { url, sessions } = await serve()
    const { id } = await begin(url)
    const headers = {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'whoami',
    }
    for (const session of <Record<string, string>[]>[
      {},
      { 'mcp-session-id': id },
      { 'mcp-session-id': 'x' },
    ]) {
      const response = await post(url, call('whoami', {}, 7, modernMeta), {
        ...headers,
        ...session,
      })
      expect([response.status, response.headers.get('x-served')]).toEqual([200, 'stateless'])
      expect(response.headers.has('mcp-session-id')).toBe(false)
      for (const method of ['GET', 'DELETE']) {
        const refused = await send(url, method, {
          ...session,
          'x-principal': 'alice',
          'mcp-protocol-version': '2026-07-28',
        })
        expect([refused.status, refused.headers.get('x-served')]).toEqual([405, 'stateless'])
      }
    }
    expect(sessions.state()).toMatchObject({ sessions: 1, streams: 0 })
  })

  it('what is of the legacy era and has no session, such as a malformed initialize', async () => {
    const { url, sessions } = await serve()
    const bad = { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: 1 } }
    const notification = { jsonrpc: '2.0', method: 'initialize', params: initializeBody().params }
    for (const body of [call('whoami'), [call('whoami')], bad, notification])
      expect((await post(url, body)).headers.get('x-served')).toBe('stateless')
    expect(sessions.state().created).toBe(0)
  })

  it('an initialize that the owner wants stateless, and then GET and DELETE without an id', async () => {
    const { url, sessions } = await serve({
      wantsSession: ({ headers }) => headers['x-principal'] !== 'bot',
    })
    const bot = { 'x-principal': 'bot' }
    expect((await post(url, initializeBody(), bot)).headers.get('x-served')).toBe('stateless')
    for (const method of ['GET', 'DELETE']) expect((await send(url, method, bot)).status).toBe(405)
    await begin(url)
    expect(sessions.state().sessions).toBe(1)
    const { client } = await connect(url, bot)
    expect((await client.listTools()).tools.length).toBeGreaterThan(0)
  })
})

describe('is refused', () => {
  it('with 400 what lacks an id: GET and DELETE, and where sessions are required everything', async () => {
    const lax = await serve()
    const strict = await serve({ requireSession: true })
    const headers = { 'x-principal': 'alice' }
    for (const { url } of [lax, strict])
      for (const method of ['GET', 'DELETE'])
        expect((await send(url, method, headers)).status).toBe(400)
    const refused = await post(strict.url, call('whoami', {}, 'mine'))
    expect([refused.status, await refused.json()]).toMatchObject([
      400,
      { id: 'mine', error: { code: 400 } },
    ])
    await begin(strict.url)
  })

  it('with 400 an unsupported version, and no other: a missing one is the one agreed upon', async () => {
    const { url } = await serve()
    const { headers } = await begin(url)
    const status = async (version: string) =>
      (await post(url, call('whoami'), { ...headers, 'mcp-protocol-version': version })).status
    for (const version of ['1900-01-01', 'zzz', '', '2025-11-25, 2025-11-25', '__proto__'])
      expect([version, await status(version)]).toEqual([version, 400])
    for (const version of ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'])
      expect([version, await status(version)]).toEqual([version, 200])
    for (const method of ['GET', 'DELETE'])
      expect((await send(url, method, { ...headers, 'mcp-protocol-version': 'zzz' })).status).toBe(
        400,
      )
  })

  it('with 405 another method, and DELETE where the owner forbids it', async () => {
    const { url, sessions } = await serve({ allowDelete: false })
    const { headers } = await begin(url)
    for (const method of ['PUT', 'PATCH', 'DELETE']) {
      const response = await send(url, method, headers)
      expect([method, response.status, response.headers.get('allow')]).toEqual([
        method,
        405,
        'GET, POST',
      ])
    }
    expect(sessions.state().sessions).toBe(1)
  })

  it('with 406 a client that does not take events', async () => {
    const { url } = await serve()
    const { headers } = await begin(url)
    const json = { ...headers, accept: 'application/json' }
    expect((await send(url, 'GET', json)).status).toBe(406)
    expect((await send(url, 'POST', json, call('whoami'))).status).toBe(406)
    expect((await send(url, 'POST', { ...headers, accept: '*/*' }, call('whoami'))).status).toBe(
      200,
    )
  })

  it('with 406 an initialize that takes no events, before it has a session or another has to go for it', async () => {
    const createServer = vi.fn(createTestServer)
    const { url, sessions, closed } = await serve({
      createServer,
      maxSessionsPerPrincipal: 1,
      evictAfterMs: 0,
    })
    const { headers } = await begin(url)
    const refused = await post(url, initializeBody(), { accept: 'application/json' })
    expect([refused.status, refused.headers.has('mcp-session-id')]).toEqual([406, false])
    expect([sessions.state().created, createServer.mock.calls.length, closed]).toEqual([1, 1, []])
    expect((await post(url, call('whoami'), headers)).status).toBe(200)
  })

  it('with 400 a request whose id is in flight: its answer would go to the other', async () => {
    const { url, sessions } = await serve()
    const { headers } = await begin(url)
    const waiting = events(await post(url, call('wait', { ms: 700 }, '__proto__'), headers))
    expect((await post(url, call('whoami', {}, '__proto__'), headers)).status).toBe(400)
    expect((await post(url, [call('whoami', {}, 1), call('whoami', {}, 1)], headers)).status).toBe(
      400,
    )
    for (const id of ['constructor', 'toString', '1', 1])
      expect((await post(url, call('whoami', {}, id), headers)).status).toBe(200)
    await waiting.reading
    expect(waiting.messages()).toMatchObject([{ id: '__proto__' }])
    expect((await post(url, call('whoami', {}, '__proto__'), headers)).status).toBe(200)
    expect(sessions.state().calls).toBe(0)
  })

  it.each([
    [{ jsonrpc: '1.0', id: 1, method: 'ping' }],
    [{ jsonrpc: '2.0', id: null, method: 'ping' }],
    [{ jsonrpc: '2.0', id: {}, method: 'ping' }],
    [[{ jsonrpc: '2.0', id: 1, method: 'ping' }, 7]],
    [{}],
  ])('with 400 what is no message: %j', async (body) => {
    const { url, sessions } = await serve()
    const { headers } = await begin(url)
    expect((await post(url, body, headers)).status).toBe(400)
    expect(sessions.state().calls).toBe(0)
  })

  it('with 400 an initialize in company', async () => {
    const { url, sessions } = await serve()
    expect((await post(url, [initializeBody(), call('whoami')])).status).toBe(400)
    expect(sessions.state().created).toBe(0)
  })
})

it('answers a batch on one stream, each entry under its id', async () => {
  const { url } = await serve()
  const { headers } = await begin(url, {}, '2025-03-26')
  const batch = [
    call('whoami', {}, 'a'),
    { jsonrpc: '2.0', method: 'notifications/roots/list_changed' },
    call('nothing', {}, 2),
    { jsonrpc: '2.0', id: 99, result: {} },
    { jsonrpc: '2.0', id: 3, method: 'no/such' },
  ]
  const stream = events(await post(url, batch, headers))
  await stream.reading
  const ids = stream.messages().map((message) => message?.id)
  expect(new Set(ids)).toEqual(new Set(['a', 2, 3]))
})

it('ends the stream of a cancelled call without an answer, and takes the id again', async () => {
  const { url, sessions } = await serve()
  const { headers } = await begin(url)
  const stream = events(await post(url, call('wait', { ms: 20_000 }, 5), headers))
  const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 5 } }
  expect((await post(url, cancelled, headers)).status).toBe(202)
  await stream.reading
  expect([stream.state.ended, stream.messages()]).toEqual([true, []])
  expect(sessions.state().calls).toBe(0)
  expect(await (await post(url, call('whoami', {}, 5), headers)).text()).toContain('alice')
})

const cancelled = (params: object) => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params,
})

it.each([[5], [null], [{}], [['no longer']], [true]])(
  'a cancellation that the SDK would refuse frees no place of a call that runs on: reason %j',
  async (reason) => {
    const { url, sessions } = await serve()
    const { headers } = await begin(url)
    const before = { ...seen }
    const stream = events(await post(url, call('wait', { ms: 20_000 }, 5), headers))
    await vi.waitFor(() => expect(seen.running).toBe(before.running + 1))
    expect((await post(url, cancelled({ requestId: 5, reason }), headers)).status).toBe(202)
    await stream.reading
    expect(sessions.state().calls).toBe(0)
    expect(seen).toEqual({ running: before.running, cancelled: before.cancelled + 1 })
  },
)

it.each([[{}], [{ requestId: null }], [{ requestId: [5] }], [{ requestId: '5' }]])(
  'a cancellation of no call ends none: %j',
  async (params) => {
    const { url, sessions } = await serve()
    const { headers } = await begin(url)
    const stream = events(await post(url, call('wait', { ms: 300 }, 5), headers))
    expect((await post(url, cancelled(params), headers)).status).toBe(202)
    expect(sessions.state().calls).toBe(1)
    await stream.reading
    expect(stream.state.text).toContain('waited')
  },
)

it.each([[5], [0]])('a call that was cancelled before it began does not begin: %j', async (id) => {
  const { url, sessions } = await serve()
  const { headers } = await begin(url, {}, '2025-03-26')
  const running = seen.running
  const batch = [cancelled({ requestId: id }), call('wait', { ms: 20_000 }, id)]
  const stream = events(await post(url, batch, headers))
  await stream.reading
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect([sessions.state().calls, seen.running, stream.messages()]).toEqual([0, running, []])
})

it('an initialize cannot be cancelled, and so not be left without an answer', async () => {
  let answer = () => {}
  const { url, sessions } = await serve({
    createServer: () => {
      const server = new McpServer(info, { capabilities: {} })
      server.server.setRequestHandler('initialize', async () => {
        await new Promise<void>((resolve) => {
          answer = resolve
        })
        return { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: info }
      })
      return server
    },
  })
  const response = await post(url, initializeBody())
  const id = String(response.headers.get('mcp-session-id'))
  await post(url, cancelled({ requestId: 1 }), { 'mcp-session-id': id })
  answer()
  expect(await response.text()).toContain('serverInfo')
  expect(sessions.state()).toMatchObject({ sessions: 1, calls: 0 })
})

describe('tells the call why the client cancelled it', () => {
  let reasons: unknown[] = []
  const hang = ({ signal }: { signal: AbortSignal }) =>
    new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => {
        reasons.push(signal.reason)
        reject(signal.reason)
      })
    })
  const servers = {
    v1() {
      const server = new ServerV1(info)
      const register = server.registerTool.bind(server) as (...args: unknown[]) => unknown
      register('hang', {}, hang)
      return server as never
    },
    v2() {
      const server = new McpServer(info)
      server.registerTool('hang', {}, ({ mcpReq }) => hang(mcpReq))
      return server
    },
  }

  it.each(['v1', 'v2'] as const)('in a server of the SDK %s', async (version) => {
    const { url, sessions } = await serve({ createServer: servers[version] })
    const { headers } = await begin(url)
    reasons = []
    for (const reason of ['no longer wanted', 5]) {
      const stream = events(await post(url, call('hang', {}, 5), headers))
      await vi.waitFor(() => expect(sessions.state().calls).toBe(1))
      await new Promise((resolve) => setTimeout(resolve, 50))
      await post(url, cancelled({ requestId: 5, reason }), headers)
      await stream.reading
    }
    expect(reasons).toEqual(['no longer wanted', 'cancelled by the client'])
  })
})

describe('answers with an error, and ends the call, what is no JSON', () => {
  const secret = {
    toJSON() {
      throw new Error('the secret')
    },
  }
  const values = { bigint: 10n, secret }
  const servers = {
    v1() {
      const server = new ServerV1(info)
      const register = server.registerTool.bind(server) as (...args: unknown[]) => unknown
      for (const [name, value] of Object.entries(values))
        register(name, {}, () => ({ content: [], _meta: { value } }))
      return server as never
    },
    v2() {
      const server = new McpServer(info)
      for (const [name, value] of Object.entries(values))
        server.registerTool(name, {}, () => ({ content: [], _meta: { value } }))
      return server
    },
  }

  it.each([
    ['v1', 'bigint'],
    ['v1', 'secret'],
    ['v2', 'bigint'],
    ['v2', 'secret'],
  ] as const)('in a server of the SDK %s: %s', async (version, name) => {
    const { url, sessions, errors } = await serve({ createServer: servers[version] })
    const { headers } = await begin(url)
    const stream = events(await post(url, call(name), headers))
    await stream.reading
    expect(stream.messages()).toEqual([
      { jsonrpc: '2.0', id: 7, error: { code: -32603, message: 'Internal error' } },
    ])
    expect(sessions.state().calls).toBe(0)
    expect(errors).toMatchObject([
      { message: 'an answer is no JSON', cause: expect.any(Error) as Error },
    ])
  })

  it('also an initialize, whose session ends', async () => {
    const { url, closed } = await serve({
      createServer: () => {
        const server = new McpServer(info)
        const initialize = () => ({
          protocolVersion: '2025-11-25',
          capabilities: {},
          serverInfo: info,
          _meta: { value: 10n },
        })
        server.server.setRequestHandler('initialize', initialize)
        return server
      },
    })
    expect(await (await post(url, initializeBody())).text()).toContain('-32603')
    expect(closed.map(({ reason }) => reason)).toEqual(['failed'])
  })
})

it('keeps nothing of a session whose beginning fails', async () => {
  let how = 'throw'
  const { url, sessions, failures } = await serve({
    createServer: (context) => {
      if (how === 'throw') throw new Error('no server')
      return createTestServer(context)
    },
  })
  expect((await post(url, initializeBody())).status).toBe(500)
  expect(failures).toMatchObject([{ message: 'no server' }])
  expect(sessions.state()).toMatchObject({ sessions: 0, principals: 0, closedBy: { failed: 1 } })
  how = 'work'
  await begin(url)
})

it('serves a server of the SDK v1 as well', async () => {
  const createServer = () => {
    const server = new ServerV1(info)
    // The types of zod that v1 was built with are others.
    const register = server.registerTool.bind(server) as (...args: unknown[]) => unknown
    register('ask', { inputSchema: { n: z.number() } }, async (_input: unknown, extra: unknown) => {
      const { authInfo } = extra as { authInfo?: { extra?: Record<string, unknown> } }
      const { roots } = await server.server.listRoots()
      return {
        content: [{ type: 'text' as const, text: `${authInfo?.extra?.principal} ${roots.length}` }],
      }
    })
    return server as never
  }
  const { url } = await serve({ createServer })
  const { client } = await connect(url, undefined, { capabilities: { roots: {} } })
  client.setRequestHandler('roots/list', () => ({ roots: [{ uri: 'file:///a' }] }))
  const { content } = await client.callTool({ name: 'ask', arguments: { n: 1 } })
  expect(content).toMatchObject([{ text: 'alice 1' }])
})

it('tells of sessions what a log may have, and never an id', async () => {
  const onOpened = vi.fn()
  const { url, closed } = await serve({ onOpened })
  const { id, headers } = await begin(url)
  await send(url, 'DELETE', headers)
  const [opened] = onOpened.mock.calls[0] ?? []
  const session = closed[0]?.session
  expect(opened).toMatchObject({ principal: 'alice', ref: session?.ref })
  expect(session).toMatchObject({ protocolVersion: '2025-11-25', requests: 3 })
  expect(session?.ref).toMatch(/^[0-9a-f]{12}$/)
  expect(JSON.stringify([opened, session])).not.toContain(id)
})
