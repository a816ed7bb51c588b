import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type BusyDetails, type LimitConcurrencyOptions, limitConcurrency } from '../src/index.js'
import { as, call, serveHeld, settled } from './held-calls.js'
import { closeServers, get, post, serve, statuses } from './serve.js'

afterEach(() => {
  vi.useRealTimers()
  closeServers()
})

describe('limitConcurrency', () => {
  it('answers 503 as JSON-RPC when all slots are taken, and passes when one is free again', async () => {
    const { limit, url, finishOne } = await serveHeld({ limit: 2, maxQueue: 0 })
    const first = post(url, call(1), as('alice'))
    const second = post(url, call(2), as('bob'))
    await settled(limit, 2)

    const refused = await post(url, call('seven'), as('carol'))
    const retryAfterSeconds = Number(refused.headers.get('retry-after'))
    expect(refused.status).toBe(503)
    expect([1, 2, 3]).toContain(retryAfterSeconds)
    expect(refused.headers.get('content-type')).toMatch(/^application\/json/)
    expect(refused.body).toEqual({
      jsonrpc: '2.0',
      id: 'seven',
      error: {
        code: 503,
        message: `Service Unavailable: of all calls 2 may run at once, and they do; retry after ${retryAfterSeconds} s`,
        data: {
          policy: 'concurrency',
          scope: 'process',
          limit: 2,
          asked: 1,
          retryAfterSeconds,
          retryable: true,
        },
      },
    })

    finishOne()
    expect((await first).status).toBe(200)
    await settled(limit, 1)
    const third = post(url, call(3), as('carol'))
    await settled(limit, 2)
    finishOne()
    finishOne()
    expect([(await second).status, (await third).status]).toEqual([200, 200])
    await settled(limit, 0)
  })

  it('answers 429 to a principal whose own calls are in the way, and lets others pass', async () => {
    const { limit, url, running } = await serveHeld({ limit: 4, maxQueue: 0 })
    for (const id of [1, 2]) void post(url, call(id), as('mallory')).catch(() => {})
    await settled(limit, 2)
    const refused = await post(url, call(3), as('mallory'))
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toMatch(/^[123]$/)
    expect(refused.body.error).toMatchObject({
      code: 429,
      message: expect.stringMatching(
        /^Too Many Requests: of yours 2 may run at once, and they do; retry/,
      ),
      data: { policy: 'concurrency', scope: 'principal', limit: 2 },
    })
    void post(url, call(4), as('alice')).catch(() => {})
    await settled(limit, 3)
    expect(running.map(({ id }) => id).sort()).toEqual([1, 2, 4])
  })

  it('spreads Retry-After, so that those refused together do not come back together', async () => {
    const { limit, url } = await serveHeld({ limit: 1, maxQueue: 0, queueTimeoutMs: 4000 })
    void post(url, call(), as('alice')).catch(() => {})
    await settled(limit, 1)
    const seen = new Set<number>()
    for (let i = 0; i < 40; i++) {
      const refused = await post(url, call(), as('bob'))
      seen.add(Number(refused.headers.get('retry-after')))
    }
    expect(seen.size).toBeGreaterThan(3)
    expect(Math.min(...seen)).toBeGreaterThanOrEqual(4)
    expect(Math.max(...seen)).toBeLessThanOrEqual(12)
  })

  it('tells onLimited of each refusal and its scope, and survives one that throws or rejects', async () => {
    const onLimited = vi.fn((..._told: unknown[]): unknown => {
      throw new Error('listener')
    })
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const { limit, url } = await serveHeld({ limit: 2, maxQueue: 0, onLimited })
    void post(url, call(), as('alice')).catch(() => {})
    await settled(limit, 1)
    expect(onLimited).not.toHaveBeenCalled()
    expect((await post(url, call(), as('alice'))).status).toBe(429)
    onLimited.mockImplementation(() => Promise.reject(new Error('later')))
    void post(url, call(), as('bob')).catch(() => {})
    await settled(limit, 2)
    expect((await post(url, call(), as('carol'))).status).toBe(503)
    expect((await post(url, [call(), call()], as('carol'))).status).toBe(413)
    await wait(5)
    process.off('unhandledRejection', unhandled)
    expect(
      onLimited.mock.calls.map(([, layer, details]) => [layer, (details as BusyDetails).scope]),
    ).toEqual([
      ['concurrency', 'principal'],
      ['concurrency', 'process'],
      ['concurrency', 'principal'],
    ])
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('defaults to 64 calls, half of them for one principal', async () => {
    const { limit, url } = await serveHeld({ queueTimeoutMs: 20 })
    expect(limit.state()).toEqual({ running: 0, queued: 0, limit: 64, tracked: 0 })
    for (let i = 0; i < 32; i++) void post(url, call(i), as('alice')).catch(() => {})
    await settled(limit, 32)
    const refused = await post(url, call(), as('alice'))
    expect(refused.body.error?.data).toMatchObject({ scope: 'principal', limit: 32 })
  })

  it('takes a cap for each principal from a function, and fails closed when it gives none', async () => {
    const perPrincipal = vi.fn((): number => 1)
    const { limit, url, running } = await serveHeld({ limit: 4, maxQueue: 0, perPrincipal })
    void post(url, call(), as('alice')).catch(() => {})
    await settled(limit, 1)
    expect((await post(url, call(), as('alice'))).status).toBe(429)
    perPrincipal.mockReturnValue(2)
    void post(url, call(), as('alice')).catch(() => {})
    await settled(limit, 2)
    for (const cap of [0, -1, 1.5, Number.NaN, '9', undefined]) {
      perPrincipal.mockReturnValue(cap as number)
      const answer = await post(url, call(), as('bob'))
      expect(answer).toMatchObject({ status: 500, body: { code: 'ERR_RATELIMIT_CAP' } })
    }
    expect(running.length).toBe(2)
  })
})

describe('a tool with a cap', () => {
  const perTool = { slow: 1 }

  it('is refused with 503 while others pass', async () => {
    const { limit, url } = await serveHeld({ limit: 8, maxQueue: 0, perTool })
    void post(url, call(1, 'slow'), as('alice')).catch(() => {})
    await settled(limit, 1)
    const refused = await post(url, call(2, 'slow'), as('bob'))
    expect(refused.status).toBe(503)
    expect(refused.body.error).toMatchObject({
      message: expect.stringContaining('of all calls of slow 1 may run at once'),
      data: { policy: 'concurrency', scope: 'tool', tool: 'slow', limit: 1 },
    })
    void post(url, call(3, 'other'), as('bob')).catch(() => {})
    await settled(limit, 2)
  })

  it('holds up neither other tools nor other principals in the queue', async () => {
    const { limit, url, running } = await serveHeld({ limit: 8, perTool, queueTimeoutMs: 30_000 })
    for (const id of [1, 2]) void post(url, call(id, 'slow'), as('alice')).catch(() => {})
    await settled(limit, 1, 1)
    void post(url, call(3, 'other'), as('alice')).catch(() => {})
    void post(url, call(4, 'other'), as('bob')).catch(() => {})
    await settled(limit, 3, 1)
    expect(running.map(({ id }) => id).sort()).not.toContain(2)
  })

  it('is the one in the body, wherever a batch hides it and whatever the headers say', async () => {
    const { limit, url } = await serveHeld({ limit: 8, maxQueue: 0, perTool })
    void post(url, [call(1), call(2, 'slow')], as('alice')).catch(() => {})
    await settled(limit, 2)
    const lies = { 'mcp-name': 'other', 'mcp-method': 'ping', 'mcp-protocol-version': '2025-06-18' }
    const refused = await post(url, [call(1), call(2), call(3, 'slow')], { ...as('bob'), ...lies })
    expect(refused.body).toMatchObject({ id: null, error: { data: { scope: 'tool' } } })
    expect(limit.state().running).toBe(2)
  })

  it('may have a cap from a function; an unknown tool has none', async () => {
    const asked = (tool: string) => (tool === 'slow' ? 1 : undefined)
    const { limit, url } = await serveHeld({ limit: 8, maxQueue: 0, perTool: asked })
    for (const name of ['slow', 'x', 'x']) void post(url, call(1, name), as('a')).catch(() => {})
    await settled(limit, 3)
    expect((await post(url, call(2, 'slow'), as('bob'))).status).toBe(503)
  })

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'is not found under %s, which every object has',
    async (name) => {
      const { limit, url } = await serveHeld({ limit: 8, maxQueue: 0, perTool })
      for (const id of [1, 2, 3]) void post(url, call(id, name), as(name)).catch(() => {})
      await settled(limit, 3)
      expect(limit.state().tracked).toBe(1)
    },
  )

  it('may be called __proto__ all the same', async () => {
    const named = JSON.parse('{"__proto__":1}')
    const { limit, url } = await serveHeld({ limit: 8, maxQueue: 0, perTool: named })
    void post(url, call(1, '__proto__'), as('alice')).catch(() => {})
    await settled(limit, 1)
    expect((await post(url, call(2, '__proto__'), as('bob'))).status).toBe(503)
  })

  it('with a long name is not repeated to its caller', async () => {
    const { limit, url } = await serveHeld({ limit: 8, maxQueue: 0, perTool: () => 1 })
    const name = 'x'.repeat(5000)
    void post(url, call(1, name), as('alice')).catch(() => {})
    await settled(limit, 1)
    const { error } = (await post(url, call(2, name), as('bob'))).body
    expect(error?.data).toMatchObject({ scope: 'tool', limit: 1 })
    expect(JSON.stringify(error).length).toBeLessThan(300)
  })
})

describe('a batch', () => {
  const batch = (size: number) => Array.from({ length: size }, (_, id) => call(id))

  it('takes a slot for each of its calls, all or none', async () => {
    const { limit, url, running, finishOne } = await serveHeld({
      limit: 10,
      perPrincipal: 10,
      maxQueue: 0,
    })
    void post(url, batch(6), as('alice')).catch(() => {})
    await settled(limit, 6)
    expect((await post(url, batch(5), as('bob'))).status).toBe(503)
    expect(limit.state()).toMatchObject({ running: 6, tracked: 1 })
    void post(url, batch(4), as('bob')).catch(() => {})
    await settled(limit, 10)
    expect(running.length).toBe(2)
    finishOne()
    await settled(limit, 4)
  })

  it('of a hundred is not one request: 413 says that it never fits, and not to come again', async () => {
    const { limit, url } = await serveHeld({ limit: 64 })
    const refused = await post(url, batch(100), as('alice'))
    expect(refused.status).toBe(413)
    expect(refused.headers.has('retry-after')).toBe(false)
    expect(refused.body.error).toEqual({
      code: 413,
      message:
        'Content Too Large: this batch asks for 100 calls at once, of which 32 may run; send a smaller batch',
      data: { policy: 'concurrency', scope: 'principal', limit: 32, asked: 100, retryable: false },
    })
    expect(limit.state()).toMatchObject({ running: 0, queued: 0 })
  })

  it('that asks too much of one tool is told which', async () => {
    const { url } = await serveHeld({ limit: 64, perTool: { slow: 2 } })
    const calls = [...batch(5), ...[6, 7, 8].map((id) => call(id, 'slow'))]
    const refused = await post(url, calls, as('alice'))
    expect(refused.body.error).toMatchObject({
      code: 413,
      message: expect.stringContaining('asks for 3 calls at once of slow, of which 2 may run'),
      data: { scope: 'tool', tool: 'slow', limit: 2, asked: 3 },
    })
  })

  it('waits for room for all of it, while what needs less may pass', async () => {
    const { limit, url, finishOne, running } = await serveHeld({
      limit: 4,
      perPrincipal: 4,
      maxQueue: 8,
      queueTimeoutMs: 30_000,
    })
    for (const id of [1, 2, 3]) void post(url, call(id), as('alice')).catch(() => {})
    await settled(limit, 3)
    const waiting = post(url, batch(3), as('bob'))
    await settled(limit, 3, 3)
    void post(url, call(9), as('carol')).catch(() => {})
    await settled(limit, 4, 3)
    for (let left = 4; left > 1; left--) finishOne()
    await settled(limit, 4, 0)
    expect(running.map(({ id }) => id)).toEqual([9, undefined])
    finishOne()
    finishOne()
    expect((await waiting).status).toBe(200)
  })
})

describe('what takes no slot', () => {
  const free: [string, unknown][] = [
    ['a subscription', { jsonrpc: '2.0', id: 1, method: 'subscriptions/listen' }],
    ['a notification', { jsonrpc: '2.0', method: 'notifications/cancelled' }],
    ['a response', { jsonrpc: '2.0', id: 1, result: {} }],
    ['a batch of notifications', [{ jsonrpc: '2.0', method: 'notifications/progress' }]],
  ]

  it.each(free)('%s', async (_name, body) => {
    const { limit, url, running } = await serveHeld({ limit: 1, maxQueue: 0 })
    void post(url, call(), as('alice')).catch(() => {})
    await settled(limit, 1)
    void post(url, body, as('alice')).catch(() => {})
    await vi.waitFor(() => expect(running.length).toBe(2))
    expect(limit.state().running).toBe(1)
  })

  it('a GET stream', async () => {
    const { limit, url, running } = await serveHeld({ limit: 1, maxQueue: 0 })
    for (let i = 0; i < 3; i++) void get(url, as('alice')).catch(() => {})
    await vi.waitFor(() => expect(running.length).toBe(3))
    expect(limit.state().running).toBe(0)
  })

  it.each([
    ['a subscription hidden in a batch', [{ id: 1, method: 'subscriptions/listen' }]],
    ['a tool call without an id', { method: 'tools/call', params: { name: 'a' } }],
    ['an unknown method', { id: 1, method: 'x' }],
    ['a call beside notifications', [{ method: 'notifications/x' }, { id: 1, method: 'ping' }]],
  ])('is not %s', async (_name, body) => {
    const { limit, url } = await serveHeld({ limit: 1, maxQueue: 0 })
    void post(url, body, as('alice')).catch(() => {})
    await settled(limit, 1)
  })

  it('is never guessed for a body that nobody has read', async () => {
    const { url } = await serve((app) => {
      app.use(limitConcurrency().middleware, (_req, res) => {
        res.json({})
      })
    })
    expect((await post(url, [call(1), call(2)])).body.code).toBe('ERR_RATELIMIT_UNREAD_BODY')
  })
})

describe('the principal', () => {
  it('is told apart exactly, and an address is none of that name', async () => {
    const { limit, url } = await serveHeld({ limit: 99, perPrincipal: 1, maxQueue: 0 })
    const names = ['alice', 'Alice', ' alice', '__proto__', 'constructor', '127.0.0.1', 'x']
    const long = ['y'.repeat(9000), `${'y'.repeat(9000)}z`]
    for (const name of [...names, ...long]) void post(url, call(), as(name)).catch(() => {})
    void post(url, call()).catch(() => {})
    await settled(limit, 10)
    expect(limit.state().tracked).toBe(10)
    expect(await statuses(9, (i) => post(url, call(), as([...names, ...long][i])))).toEqual(
      Array.from({ length: 9 }, () => 429),
    )
    // Another address of the same network of /56 is the same caller.
    const from = (address: string) => ({ 'x-forwarded-for': address })
    expect((await post(url, call())).status).toBe(429)
    void post(url, call(), from('2001:db8::1')).catch(() => {})
    await settled(limit, 11)
    expect((await post(url, call(), from('2001:db8:0:ff::2'))).status).toBe(429)
  })
})

describe('creation', () => {
  it.each<[string, LimitConcurrencyOptions]>([
    ['limit', { limit: 0 }],
    ['limit', { limit: Number.POSITIVE_INFINITY }],
    ['limit', { limit: '9' as unknown as number }],
    ['perPrincipal', { perPrincipal: 0 }],
    ['perPrincipal', { perPrincipal: Number.NaN }],
    ['perTool', { perTool: null as never }],
    ['perTool', { perTool: new Map([['a', 1]]) as never }],
    ['perTool', { perTool: [1] as never }],
    ['perTool', { perTool: { a: 0 } }],
    ['perTool', { perTool: { a: '1' as unknown as number } }],
    ['maxQueue', { maxQueue: -1 }],
    ['maxQueue', { maxQueue: 0.5 }],
    ['queueTimeoutMs', { queueTimeoutMs: 0 }],
    ['queueTimeoutMs', { queueTimeoutMs: 2 ** 31 }],
    ['principalOf', { principalOf: 'auth' as never }],
    ['toolOf', { toolOf: {} as never }],
    ['remainingMs', { remainingMs: 5 as never }],
    ['onLimited', { onLimited: 'log' as never }],
  ])('refuses a wrong %s by name', (option, options) => {
    expect(() => limitConcurrency(options)).toThrow(
      expect.objectContaining({
        name: 'TypeError',
        code: 'ERR_RATELIMIT_OPTION',
        message: expect.stringContaining(`${option} of limitConcurrency`),
      }),
    )
  })

  it('is refused per request, where it would count nothing', async () => {
    const { url } = await serve((app) => {
      app.use((req, res, next) => limitConcurrency().middleware(req, res, next))
    })
    expect((await get(url)).body).toMatchObject({ code: 'ERR_RATELIMIT_OPTION' })
  })
})
