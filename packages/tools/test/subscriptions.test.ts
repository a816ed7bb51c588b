import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createMcpHandler, type McpServerFactory } from '@modelcontextprotocol/server'
import express from 'express'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createToolServer, toolHandler } from '../src/index.js'
import { subscriptions } from '../src/subscriptions.js'
import { listen, listenCall, messagesOf, noop, pipeline, serveStreams } from './listening.js'
import { connect, info, legacy, modern, modernCall, post } from './support.js'

const closers: (() => unknown)[] = []
afterEach(async () => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  for (const close of closers.splice(0)) await close()
})

const alice = { 'x-principal': 'alice' }
const bob = { 'x-principal': 'bob' }
const secondsFromNow = (seconds: number) => String(Date.now() / 1000 + seconds)

/** Whether a stream of the caller can be opened; closes it again. */
async function canListen(url: URL, caller: Record<string, string> = alice) {
  const stream = await listen(url, caller)
  stream.hangUp()
  return stream.status === 200
}

describe('how many streams', () => {
  it('a principal has sixteen, and the next gets 429 before the SDK is asked', async () => {
    const { url, bus, onError } = await serveStreams()
    const subscribe = vi.spyOn(bus, 'subscribe')
    for (let i = 0; i < 16; i++) expect((await listen(url, alice)).status).toBe(200)
    const refused = await listen(url, alice, listenCall('seventeenth'))
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('30')
    expect(refused.headers.get('content-type')).toMatch(/^application\/json/)
    expect(JSON.parse(await refused.ended)).toMatchObject({
      jsonrpc: '2.0',
      id: 'seventeenth',
      error: { code: 429, message: expect.stringContaining('16') },
    })
    expect(subscribe).toHaveBeenCalledTimes(16)
    expect(onError).toHaveBeenCalledWith(
      expect.objectContaining({ message: expect.stringContaining('refused') }),
    )
    expect((await listen(url, bob)).status).toBe(200)
    // Other requests are not theirs to limit.
    const { body, headers } = modernCall('noop', {})
    expect((await post(url, body, { ...headers, ...alice })).status).toBe(200)
  })

  it('counts by principal, else by client, else by address, and these names never meet', async () => {
    const { url } = await serveStreams({ maxSubscriptionsPerPrincipal: 1 })
    const callers: Record<string, string>[] = [
      { 'x-principal': 'anonymous' },
      { 'x-client': 'anonymous' },
      {},
      { 'x-principal': 'client anonymous' },
      { 'x-client': '127.0.0.1' },
      { 'x-principal': 'address 127.0.0.1' },
      { 'x-principal': '__proto__' },
    ]
    for (const caller of callers) expect((await listen(url, caller)).status).toBe(200)
    for (const caller of callers) expect((await listen(url, caller)).status).toBe(429)
    // Another client of the same person, and a principal that is no name.
    expect((await listen(url, { 'x-principal': 'anonymous', 'x-client': 'b' })).status).toBe(429)
    expect((await listen(url, { 'x-principal': '', 'x-client': 'anonymous' })).status).toBe(429)
  })

  it('all callers together have is answered with 503, not with the SDK’s 200', async () => {
    const { url } = await serveStreams({ maxSubscriptions: 2 })
    for (const caller of [alice, bob]) expect((await listen(url, caller)).status).toBe(200)
    const refused = await listen(url, { 'x-principal': 'carol' }, listenCall(7))
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toBe('30')
    expect(JSON.parse(await refused.ended)).toMatchObject({ id: 7, error: { code: 503 } })
  })

  it('can be none', async () => {
    const none = await serveStreams({ maxSubscriptions: 0 })
    expect((await listen(none.url)).status).toBe(503)
    const nobody = await serveStreams({ maxSubscriptionsPerPrincipal: 0 })
    expect((await listen(nobody.url)).status).toBe(429)
  })

  it('does not depend on who reads the body', async () => {
    const parse: express.RequestHandler = (_req, _res, next) => next()
    const { url } = await serveStreams({ maxSubscriptionsPerPrincipal: 1 }, { parse })
    const { body, headers } = modernCall('noop', {})
    expect((await post(url, body, headers)).text).toContain('done')
    const open = await listen(url)
    expect(open.status).toBe(200)
    const refused = await listen(url, alice, listenCall(2))
    expect(refused.status).toBe(429)
    expect(JSON.parse(await refused.ended)).toMatchObject({ id: 2 })
    open.hangUp()
    await vi.waitFor(async () => expect(await canListen(url)).toBe(true))
    const get = await fetch(url)
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST'])
  })

  it('is told to the SDK’s client, which can come again later', async () => {
    const { url } = await serveStreams({ maxSubscriptionsPerPrincipal: 1 })
    const client = await connect(url, 'auto', alice)
    const first = await client.listen({ toolsListChanged: true })
    expect(first.honoredFilter).toEqual({ toolsListChanged: true })
    await expect(client.listen({ toolsListChanged: true })).rejects.toThrow('Too Many Requests')
    await first.close()
    await vi.waitFor(async () => {
      const again = await client.listen({ toolsListChanged: true })
      await again.close()
    })
  })

  it('is nothing that a legacy request, batched or not, could get past', async () => {
    const { url, bus } = await serveStreams({ maxSubscriptionsPerPrincipal: 1 })
    const { body } = listenCall()
    const plain = legacy('subscriptions/listen', { notifications: { toolsListChanged: true } }).body
    const version = { 'mcp-protocol-version': '2025-11-25' }
    for (const sent of [[plain], [plain, plain], [body], [body, plain], [body, body, body]]) {
      for (const headers of [version, listenCall().headers]) {
        const answer = await post(url, sent, { ...alice, ...headers })
        expect(answer.text).toMatch(/-32601|-32600|-32000/)
        expect(answer.text).not.toContain('acknowledged')
      }
    }
    const single = await post(url, plain, { ...alice, ...version })
    expect(single.text).toContain('-32601')
    expect(bus.listenerCount).toBe(0)
    expect(await canListen(url)).toBe(true)
  })
})

describe('the count goes down when', () => {
  /** One stream is let in; after `end` there must be room for the next. */
  async function freed(
    options: Parameters<typeof serveStreams>[0],
    end: (server: Awaited<ReturnType<typeof serveStreams>>) => Promise<unknown>,
  ) {
    const server = await serveStreams({ maxSubscriptions: 1, ...options })
    await end(server)
    await vi.waitFor(() => expect(server.bus.listenerCount).toBe(0))
    await vi.waitFor(async () => expect(await canListen(server.url)).toBe(true))
  }

  it('the client hangs up', async () => {
    await freed({}, async ({ url, bus }) => {
      const stream = await listen(url)
      await vi.waitFor(() => expect(bus.listenerCount).toBe(1))
      expect(await canListen(url, bob)).toBe(false)
      stream.hangUp()
    })
  })

  it('the SDK’s client closes its subscription, or goes', async () => {
    await freed({}, async ({ url }) => {
      const client = await connect(url, 'auto', alice)
      const subscription = await client.listen({ toolsListChanged: true })
      await subscription.close()
      expect(await subscription.closed).toBe('local')
    })
    await freed({}, async ({ url }) => {
      const client = await connect(url, 'auto', alice)
      await client.listen({ toolsListChanged: true })
      await client.close()
    })
  })

  it.each([
    ['a filter that is none', listenCall(1, 'everything'), 200, '-32602'],
    [
      'no filter',
      { ...listenCall(), body: { ...listenCall().body, params: modern('', {}).body.params } },
      200,
      '-32602',
    ],
    ['nothing that it could tell of', listenCall(1, {}), 200, 'complete'],
    ['an id that is none', listenCall(null), 400, '-32600'],
    [
      'a header that lies',
      { ...listenCall(), headers: { ...listenCall().headers, 'mcp-method': 'tools/list' } },
      400,
      '-32020',
    ],
    [
      'a version that is unknown',
      {
        headers: { ...listenCall().headers, 'mcp-protocol-version': '2999-01-01' },
        body: JSON.parse(JSON.stringify(listenCall().body).replace('2026-07-28', '2999-01-01')),
      },
      400,
      '-32022',
    ],
  ])('the SDK has refused %s', async (_, call, status, code) => {
    await freed({}, async ({ url }) => {
      const refused = await listen(url, alice, call)
      expect(refused.status).toBe(status)
      expect(await refused.ended).toContain(code)
    })
  })

  it('its time is over', async () => {
    await freed({ maxSubscriptionMs: 50 }, async ({ url }) => {
      await (await listen(url)).ended
    })
  })

  it('the bus fails', async () => {
    await freed({}, async ({ url, bus }) => {
      vi.spyOn(bus, 'subscribe').mockImplementationOnce(() => {
        throw new Error('redis: password=hunter2')
      })
      const failed = await listen(url)
      expect(failed.status).toBe(500)
      expect(await failed.ended).not.toContain('hunter2')
    })
  })

  it('its connection breaks while it waits behind another, which Node tells nobody', async () => {
    const warned = vi.fn()
    process.on('warning', warned)
    closers.push(() => process.off('warning', warned))
    await freed(
      { maxSubscriptions: 16, maxSubscriptionsPerPrincipal: 16 },
      async ({ url, bus }) => {
        const socket = await pipeline(
          url,
          Array.from({ length: 15 }, (_, i) => i),
        )
        await vi.waitFor(() => expect(bus.listenerCount).toBe(15))
        socket.destroy()
      },
    )
    expect(warned).not.toHaveBeenCalled()
  })

  it('its client takes nothing of what it is owed', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { url, bus, mcp } = await serveStreams()
    const socket = await pipeline(url, [1])
    await vi.waitFor(() => expect(bus.listenerCount).toBe(1))
    const params = { filling: 'x'.repeat(1024 * 1024) }
    for (let i = 0; i < 32; i++) bus.publish({ kind: 'tools_list_changed', params })
    // A round trip, in which the stream comes to wait for its client.
    await fetch(url)
    await mcp.close()
    expect(bus.listenerCount).toBe(0)
    const closed = once(socket, 'close')
    socket.on('error', () => {})
    await vi.advanceTimersByTimeAsync(5000)
    socket.resume()
    await closed
  })

  it('whatever the reason, without a trace of who had it', async () => {
    const failing: McpServerFactory = () => {
      throw new Error('factory')
    }
    const works = createToolServer([noop], info)
    let factory: McpServerFactory = works
    const limits = {
      maxSubscriptions: 50,
      maxSubscriptionsPerPrincipal: 1,
      maxSubscriptionMs: 1e6,
      maxSubscriptionIdleMs: 0,
    }
    const open = () => createMcpHandler(factory)
    const streams = subscriptions(open, limits, { onRefused() {} })
    const app = express()
    app.post('/mcp', express.json(), async (req, res) => {
      Object.assign(req, { auth: { clientId: req.headers['x-client'], scopes: [], token: '' } })
      await streams.serve(req, res)
    })
    const server = app.listen(0, '127.0.0.1')
    closers.push(() => server.close().closeAllConnections())
    await once(server, 'listening')
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`)
    const opened = []
    for (let i = 0; i < 20; i++) opened.push(await listen(url, { 'x-client': `${i}` }))
    for (let i = 0; i < 20; i++)
      expect((await listen(url, { 'x-client': `${i}` })).status).toBe(429)
    expect(streams.size).toEqual({ streams: 20, callers: 20 })
    factory = failing
    for (let i = 20; i < 40; i++)
      expect((await listen(url, { 'x-client': `${i}` })).status).toBe(500)
    expect(streams.size).toEqual({ streams: 20, callers: 20 })
    for (const { hangUp } of opened.splice(0, 10)) hangUp()
    await vi.waitFor(() => expect(streams.size).toEqual({ streams: 10, callers: 10 }))
    await streams.close()
    for (const { ended } of opened) expect(await ended).toContain('complete')
    await vi.waitFor(() => expect(streams.size).toEqual({ streams: 0, callers: 0 }))
  })
})

describe('a stream ends', () => {
  const complete = {
    jsonrpc: '2.0',
    id: 'mine',
    result: {
      resultType: 'complete',
      _meta: {
        'io.modelcontextprotocol/subscriptionId': 'mine',
        'io.modelcontextprotocol/serverInfo': info,
      },
    },
  }

  it.each([
    ['after its longest time', { maxSubscriptionMs: 150 }, {}],
    ['when the token expires', {}, () => ({ 'x-expires-at': secondsFromNow(1) })],
    [
      'when the token expires, though it might last longer',
      { maxSubscriptionMs: 60_000 },
      () => ({ 'x-expires-at': secondsFromNow(1) }),
    ],
    [
      'after its longest time, though the token lasts longer',
      { maxSubscriptionMs: 150 },
      () => ({ 'x-expires-at': secondsFromNow(3600) }),
    ],
  ])('%s, with the result that completes it', async (_, options, expiry) => {
    const { url, bus } = await serveStreams(options)
    const subscribe = vi.spyOn(bus, 'subscribe')
    const headers = typeof expiry === 'function' ? expiry() : expiry
    const stream = await listen(url, { ...alice, ...headers }, listenCall('mine'))
    expect(stream.status).toBe(200)
    expect(subscribe).toHaveBeenCalledOnce()
    const messages = messagesOf(await stream.ended)
    expect(messages).toHaveLength(2)
    expect(messages[0].method).toBe('notifications/subscriptions/acknowledged')
    expect(messages[1]).toEqual(complete)
    expect(bus.listenerCount).toBe(0)
  })

  it('as the SDK’s client expects it', async () => {
    const { url } = await serveStreams({ maxSubscriptionMs: 150 })
    const client = await connect(url, 'auto', alice)
    const subscription = await client.listen({ toolsListChanged: true })
    expect(await subscription.closed).toBe('graceful')
  })

  it('and the signal of its request aborts, so that the factory can let go too', async () => {
    let signal: AbortSignal | undefined
    const create = createToolServer([noop], info)
    const mcp = toolHandler(
      (context) => {
        signal = context.requestInfo?.signal
        return create(context)
      },
      { maxSubscriptionMs: 50 },
    )
    const app = express().post('/mcp', mcp.middleware)
    const server = app.listen(0, '127.0.0.1')
    closers.push(() => server.close().closeAllConnections())
    await once(server, 'listening')
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`)
    await (await listen(url)).ended
    await vi.waitFor(() => expect(signal?.aborted).toBe(true))
  })

  it('also when that is decided before the factory is done', async () => {
    const create = createToolServer([noop], info)
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let asked = false
    const mcp = toolHandler(async (context) => {
      asked = true
      await held
      return create(context)
    })
    const app = express().post('/mcp', mcp.middleware)
    const server = app.listen(0, '127.0.0.1')
    closers.push(() => server.close().closeAllConnections())
    await once(server, 'listening')
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`)
    const opening = listen(url)
    await vi.waitFor(() => expect(asked).toBe(true))
    await mcp.close()
    release()
    expect(messagesOf(await (await opening).ended).at(-1)).toMatchObject({
      result: { resultType: 'complete' },
    })
  })

  it('before it began when the body came too late', async () => {
    const reading = vi.fn()
    const parse: express.RequestHandler = (_req, _res, next) => {
      reading()
      next()
    }
    const { url, mcp, bus } = await serveStreams({}, { parse })
    const subscribe = vi.spyOn(bus, 'subscribe')
    const socket = await pipeline(url, [])
    const text = JSON.stringify(listenCall(5).body)
    const fields = { ...listenCall().headers, 'content-type': 'application/json' }
    const head = Object.entries({ ...fields, host: 'x', 'content-length': text.length })
    socket.write(`POST /mcp HTTP/1.1\r\n${head.map(([k, v]) => `${k}: ${v}\r\n`).join('')}\r\n`)
    socket.write(text.slice(0, 10))
    await vi.waitFor(() => expect(reading).toHaveBeenCalled())
    await mcp.close()
    socket.end(text.slice(10))
    let answer = ''
    for await (const chunk of socket) answer += chunk
    expect(answer).toMatch(/^HTTP\/1.1 503 /)
    expect(answer).toContain('"id":5')
    expect(subscribe).not.toHaveBeenCalled()
  })

  it.each([
    ['just now', () => secondsFromNow(0)],
    ['long ago', () => '1'],
    ['nobody knows when', () => 'never'],
  ])('before it began with a token that expired %s', async (_, expiresAt) => {
    const { url, bus } = await serveStreams()
    const subscribe = vi.spyOn(bus, 'subscribe')
    const refused = await listen(url, { ...alice, 'x-expires-at': expiresAt() }, listenCall(3))
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toMatch(/^Bearer error="invalid_token"/)
    expect(JSON.parse(await refused.ended)).toMatchObject({ id: 3, error: { code: 401 } })
    expect(subscribe).not.toHaveBeenCalled()
  })

  it('not at once where its time is longer than a timer can count', async () => {
    const { url, mcp } = await serveStreams({ maxSubscriptionMs: 2 ** 31 - 1 })
    const overflowing = vi.fn()
    process.on('warning', overflowing)
    closers.push(() => process.off('warning', overflowing))
    const inTheYear2500 = String(Date.UTC(2500) / 1000)
    const streams = []
    for (const expiry of [inTheYear2500, 'Infinity', String(Number.MAX_SAFE_INTEGER)]) {
      streams.push(await listen(url, { ...alice, 'x-expires-at': expiry }))
    }
    // Longer than the millisecond that an overflown timer takes.
    await (await fetch(url)).text()
    mcp.notify.toolsChanged()
    for (const stream of streams) {
      await vi.waitFor(() => expect(stream.said()).toContain('tools/list_changed'))
      expect(stream.said()).not.toContain('complete')
    }
    expect(overflowing).not.toHaveBeenCalled()
  })

  it('and leaves no timer; an open one keeps no process alive', async () => {
    const set = vi.spyOn(globalThis, 'setTimeout')
    const clear = vi.spyOn(globalThis, 'clearTimeout')
    const { url } = await serveStreams({ maxSubscriptionMs: 987_654 })
    const stream = await listen(url)
    const index = set.mock.calls.findIndex(([, ms]) => ms === 987_654)
    const timer = set.mock.results[index]?.value as NodeJS.Timeout
    expect(timer.hasRef()).toBe(false)
    expect(clear.mock.calls).not.toContainEqual([timer])
    stream.hangUp()
    await vi.waitFor(() => expect(clear).toHaveBeenCalledWith(timer))
  })
})

it.each([
  ['maxSubscriptions', -1],
  ['maxSubscriptions', 1.5],
  ['maxSubscriptions', '16'],
  ['maxSubscriptionsPerPrincipal', -1],
  ['maxSubscriptionsPerPrincipal', Number.NaN],
  ['maxSubscriptionMs', 0],
  ['maxSubscriptionMs', 2 ** 31],
  ['maxSubscriptionMs', Number.POSITIVE_INFINITY],
  ['maxSubscriptionIdleMs', -1],
  ['maxSubscriptionIdleMs', 2 ** 31],
  ['principalOf', 'alice'],
  ['keepAliveMs', 2 ** 31],
  ['keepAliveMs', -1],
])('refuses %s of %s when it is created', (option, value) => {
  expect(() => toolHandler(createToolServer([noop], info), { [option]: value })).toThrow(
    expect.objectContaining({
      code: 'ERR_TOOLS_OPTION',
      message: expect.stringContaining(`${option} must be`),
    }),
  )
})
