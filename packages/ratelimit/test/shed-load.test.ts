import { setTimeout as wait } from 'node:timers/promises'
import { jsonBody } from '@mcp-prod/rpc'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type LoadShedder, type ShedLoadOptions, shedLoad } from '../src/index.js'
import { raw, sent } from './held-calls.js'
import { closeServers, get, post, serve } from './serve.js'

const shedders: LoadShedder[] = []
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  for (const shedder of shedders.splice(0)) shedder.close()
  closeServers()
})

/** Of this process's heap more than this is always used. */
const NEARLY_NO_HEAP = 1e-6

function create(options: ShedLoadOptions): LoadShedder {
  const shedder = shedLoad(options)
  shedders.push(shedder)
  return shedder
}

/** As many samples as a while of pressure brings. */
const pass = (samples = 1000) => vi.advanceTimersByTime(100 * samples)

/** What each request meets: 0 is refused under any pressure, and just below 1 under none. */
const dice = (thrown: number) => vi.spyOn(Math, 'random').mockReturnValue(thrown)

async function served(options: ShedLoadOptions, behindBody = true) {
  const shedder = create(options)
  const { url, port } = await serve((app) => {
    app.use(...(behindBody ? [jsonBody(), shedder.middleware] : [shedder.middleware]))
    app.use((_req, res) => {
      res.json({ ok: true })
    })
  })
  return { shedder, url, port }
}

const message = (method: string, id: number | undefined = 1) => ({ jsonrpc: '2.0', id, method })

describe('shedLoad', () => {
  it('answers 503 as JSON-RPC with the id and Retry-After while memory is short', async () => {
    const { url, shedder } = await served({ maxHeapShare: NEARLY_NO_HEAP })
    expect((await post(url, message('tools/call'))).status).toBe(200)
    pass()
    dice(0.5)
    const refused = await post(url, message('tools/call', 7))
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)
    const retryAfterSeconds = Number(refused.headers.get('retry-after'))
    expect(refused.body).toEqual({
      jsonrpc: '2.0',
      id: 7,
      error: {
        code: 503,
        message: `Service Unavailable: the server is overloaded; retry after ${retryAfterSeconds} s`,
        data: { policy: 'overload', scope: 'process', retryAfterSeconds, retryable: true },
      },
    })
    pass(1)
    expect(shedder.state().shedding).toBeGreaterThan(0)
    expect(shedder.state().heapShare).toBeGreaterThan(NEARLY_NO_HEAP)
  })

  it('lets some calls pass under any pressure, or it could not recover', async () => {
    const { url } = await served({ maxHeapShare: NEARLY_NO_HEAP })
    pass(10_000)
    dice(0.96)
    expect((await post(url, message('tools/call'))).status).toBe(200)
    dice(0.9)
    expect((await post(url, message('tools/call'))).status).toBe(503)
  })

  it('refuses nothing without pressure', async () => {
    const { url, shedder } = await served({})
    pass()
    dice(0)
    expect((await post(url, message('tools/call'))).status).toBe(200)
    expect(shedder.state()).toMatchObject({ shedding: 0, rssShare: 0 })
  })

  it('looks at the memory of the container, where there is a limit', async () => {
    vi.spyOn(process, 'constrainedMemory').mockReturnValue(process.memoryUsage.rss() / 2)
    const { url, shedder } = await served({})
    pass()
    dice(0)
    expect((await post(url, message('tools/call'))).status).toBe(503)
    expect(shedder.state().rssShare).toBeGreaterThan(1)
  })

  it.each([0, 18446744073709552000])('knows %d for no limit', async (none) => {
    vi.spyOn(process, 'constrainedMemory').mockReturnValue(none)
    const { url } = await served({})
    pass()
    dice(0)
    expect((await post(url, message('tools/call'))).status).toBe(200)
  })

  it('spreads Retry-After, so that those refused together do not come back together', async () => {
    const { url } = await served({ maxHeapShare: NEARLY_NO_HEAP })
    pass()
    const seen = new Set<string | null>()
    for (let i = 0; i < 60; i++) {
      seen.add((await post(url, message('tools/call'))).headers.get('retry-after'))
    }
    seen.delete(null)
    expect(seen.size).toBeGreaterThan(1)
  })

  it('tells onLimited of each refusal and why, and survives one that throws or rejects', async () => {
    const onLimited = vi.fn((..._told: unknown[]): unknown => {
      throw new Error('listener')
    })
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const { url } = await served({ maxHeapShare: NEARLY_NO_HEAP, onLimited })
    pass()
    dice(0)
    expect((await post(url, message('tools/call'))).status).toBe(503)
    onLimited.mockImplementation(() => Promise.reject(new Error('later')))
    expect((await post(url, message('tools/call'))).status).toBe(503)
    await wait(5)
    process.off('unhandledRejection', unhandled)
    expect(onLimited.mock.calls.map(([, layer, details]) => [layer, details])).toEqual([
      ['overload', { policy: 'overload', reason: 'heap' }],
      ['overload', { policy: 'overload', reason: 'heap' }],
    ])
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('passes everything once it is closed', async () => {
    const { url, shedder } = await served({ maxHeapShare: NEARLY_NO_HEAP })
    pass()
    shedder.close()
    dice(0)
    expect((await post(url, message('tools/call'))).status).toBe(200)
    expect(shedder.state().shedding).toBe(0)
    shedder.close()
  })
})

describe('what costs little', () => {
  it.each([
    'ping',
    'initialize',
    'server/discover',
    'tools/list',
    'prompts/list',
    'resources/list',
    'resources/templates/list',
  ])('%s is refused half as often', async (method) => {
    const { url } = await served({ maxHeapShare: NEARLY_NO_HEAP })
    pass()
    dice(0.94)
    expect((await post(url, message('tools/call'))).status).toBe(503)
    expect((await post(url, message(method))).status).toBe(200)
    dice(0.4)
    expect((await post(url, message(method))).status).toBe(503)
  })

  it.each([
    ['notifications', { jsonrpc: '2.0', method: 'notifications/cancelled' }],
    ['responses', { jsonrpc: '2.0', id: 1, result: {} }],
  ])('%s are never refused: they end work, and nobody would send them again', async (_n, body) => {
    const { url } = await served({ maxHeapShare: NEARLY_NO_HEAP })
    pass()
    dice(0)
    expect((await post(url, body)).status).toBe(200)
  })

  it.each([
    ['a tool call in a batch of pings', [message('ping'), message('tools/call'), message('ping')]],
    ['a tool call without an id', { jsonrpc: '2.0', method: 'tools/call' }],
    ['an unknown method', message('PING')],
    ['a subscription', message('subscriptions/listen')],
  ])('is not %s, whatever the headers say', async (_name, body) => {
    const { url } = await served({ maxHeapShare: NEARLY_NO_HEAP })
    pass()
    dice(0.94)
    expect((await post(url, body, { 'mcp-method': 'ping' })).status).toBe(503)
  })

  it('cannot be told before the body is read: every POST is a call, and only a POST', async () => {
    const { url } = await served({ maxHeapShare: NEARLY_NO_HEAP }, false)
    pass()
    dice(0.9)
    const refused = await post(url, message('ping'))
    expect([refused.status, refused.body.id]).toEqual([503, null])
    expect((await get(url)).status).toBe(200)
  })
})

describe('a refusal before the body', () => {
  const heads = [
    ['short', `${raw(message('tools/call'))}`, false],
    ['long', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n{', true],
    ['chunked', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{', true],
  ] as const

  it.each(heads)('with a %s body', async (_name, bytes, closes) => {
    const { port } = await served({ maxHeapShare: NEARLY_NO_HEAP }, false)
    pass()
    dice(0)
    const socket = await sent(port, bytes)
    let answer = ''
    socket.setEncoding('latin1').on('data', (text: string) => {
      answer += text
    })
    await vi.waitFor(() => expect(answer).toContain('"overload"'))
    expect(/\r\nconnection: close\r\n/i.test(answer)).toBe(closes)
    socket.destroy()
  })
})

describe('the event loop', () => {
  const burn = (ms: number) => {
    const end = performance.now() + ms
    while (performance.now() < end);
  }

  it('that stalls once refuses nothing, neither in that turn nor in those after it', async () => {
    vi.useRealTimers()
    const { shedder, url } = await served({})
    await post(url, message('tools/call'))
    burn(700)
    const seen = [(await post(url, message('tools/call'))).status]
    await vi.waitFor(() => expect(shedder.state().eventLoopDelayMs).toBeGreaterThan(300))
    seen.push((await post(url, message('tools/call'))).status)
    expect(seen).toEqual([200, 200])
  })

  it('that does not catch up bounds what one turn takes up: those late in a long turn are refused', async () => {
    vi.useRealTimers()
    const shedder = create({ maxEventLoopDelayMs: 100 })
    const { port } = await serve((app) => {
      app.use(shedder.middleware)
      app.use((_req, res) => {
        burn(20)
        res.end('done')
      })
    })
    const one = raw(message('tools/call'))
    const sockets = await Promise.all(Array.from({ length: 20 }, () => sent(port, '')))
    const answers: string[] = []
    for (const socket of sockets) {
      socket.setEncoding('latin1').on('data', (text: string) => {
        answers.push(text.slice(9, 12))
        socket.write(one)
      })
      socket.write(one)
    }
    // All of them are ready whenever the loop comes round: first turns that are long, then some that are cut.
    await vi.waitFor(() => expect(answers.length).toBeGreaterThan(300), 20_000)
    expect(answers.slice(0, 10)).not.toContain('503')
    const refused = answers.filter((status) => status === '503').length
    expect(refused).toBeGreaterThan(5)
    expect(answers.length - refused).toBeGreaterThan(5)
    for (const socket of sockets) socket.destroy()
  })
})

describe('creation', () => {
  it.each<[string, ShedLoadOptions]>([
    ['maxEventLoopDelayMs', { maxEventLoopDelayMs: 0 }],
    ['maxEventLoopDelayMs', { maxEventLoopDelayMs: Number.NaN }],
    ['maxEventLoopDelayMs', { maxEventLoopDelayMs: '200' as never }],
    ['maxHeapShare', { maxHeapShare: 0 }],
    ['maxHeapShare', { maxHeapShare: 90 }],
    ['maxRssShare', { maxRssShare: -1 }],
    ['maxRssShare', { maxRssShare: Number.NaN }],
    ['maxEventLoopDelayMs', { maxEventLoopDelayMs: 20 }],
    ['onLimited', { onLimited: 'log' as never }],
  ])('refuses a wrong %s by name', (option, options) => {
    expect(() => create(options)).toThrow(
      expect.objectContaining({
        name: 'TypeError',
        code: 'ERR_RATELIMIT_OPTION',
        message: expect.stringContaining(`${option} of shedLoad`),
      }),
    )
  })

  it('is refused per request, where it would count nothing', async () => {
    const { url } = await serve((app) => {
      app.use((req, res, next) => create({}).middleware(req, res, next))
    })
    expect((await get(url)).body).toMatchObject({ code: 'ERR_RATELIMIT_OPTION' })
  })

  it('keeps no process alive', () => {
    vi.useRealTimers()
    // Only timers that keep the process alive are listed.
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    create({})
    const after = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    expect(after).toBe(before)
  })
})
