import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import express, { type Express } from 'express'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type LimitByIpOptions, limitByIp } from '../src/index.js'
import { closeServers, get, serve, statuses } from './serve.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
  closeServers()
})

const limited = (options: LimitByIpOptions, trustProxy?: unknown) => (app: Express) => {
  if (trustProxy !== undefined) app.set('trust proxy', trustProxy)
  app.use(limitByIp(options))
  app.use((_req, res) => {
    res.json({ ok: true })
  })
}
const from = (address: string) => ({ 'x-forwarded-for': address })

describe('limitByIp', () => {
  it('answers 429 as JSON-RPC over the limit, and tells the quota on every answer', async () => {
    const { url } = await serve(limited({ limit: 2, windowMs: 10_000 }))
    const first = await get(url)
    expect(first.status).toBe(200)
    expect(first.headers.get('ratelimit')).toBe('"ip";r=1;t=5')
    expect(first.headers.get('ratelimit-policy')).toBe('"ip";q=2;w=10')
    expect(first.headers.has('retry-after')).toBe(false)
    expect((await get(url)).headers.get('ratelimit')).toBe('"ip";r=0;t=10')

    const refused = await get(url)
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('5')
    expect(refused.headers.get('ratelimit')).toBe('"ip";r=0;t=5')
    expect(refused.headers.get('ratelimit-policy')).toBe('"ip";q=2;w=10')
    expect(refused.headers.get('content-type')).toMatch(/^application\/json/)
    expect(refused.body).toEqual({
      jsonrpc: '2.0',
      id: null,
      error: {
        code: 429,
        message: 'Too Many Requests: the limit of 2 in 10 s is used up; retry after 5 s',
        data: {
          policy: 'ip',
          limit: 2,
          windowMs: 10_000,
          asked: 1,
          remaining: 0,
          retryAfterSeconds: 5,
          retryable: true,
        },
      },
    })
  })

  it('lets the client pass when Retry-After is over, however much it hammered', async () => {
    const { url } = await serve(limited({ limit: 7, windowMs: 10_000 }))
    await statuses(7, () => get(url))
    const seconds = Number((await get(url)).headers.get('retry-after'))
    expect(seconds).toBe(2)
    expect(await statuses(20, () => get(url))).not.toContain(200)
    vi.advanceTimersByTime(seconds * 1000)
    expect((await get(url)).status).toBe(200)
  })

  it('rounds Retry-After up, or a client on time would be refused again', async () => {
    const { url } = await serve(limited({ limit: 10, windowMs: 10_003 }))
    await statuses(10, () => get(url))
    expect((await get(url)).headers.get('retry-after')).toBe('2')
  })

  it('defaults to 600 requests a minute', async () => {
    const { url } = await serve(limited({}))
    expect((await get(url)).headers.get('ratelimit-policy')).toBe('"ip";q=600;w=60')
  })

  it('keeps its promises within the window when the wall clock jumps', async () => {
    const { url } = await serve(limited({ limit: 1, windowMs: 10_000 }))
    await get(url)
    for (const jumpMs of [-86_400_000, 2 * 86_400_000]) {
      vi.setSystemTime(Date.now() + jumpMs)
      const refused = await get(url)
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '10'])
    }
  })

  it('tells onLimited of each refusal, and survives one that throws or rejects', async () => {
    const onLimited = vi.fn((_req: unknown, _layer: 'ip'): unknown => {
      throw new Error('listener')
    })
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const { url } = await serve(limited({ limit: 1, onLimited }))
    await get(url)
    expect(onLimited).not.toHaveBeenCalled()
    expect((await get(url)).status).toBe(429)
    onLimited.mockImplementation(() => Promise.reject(new Error('later')))
    expect((await get(url)).status).toBe(429)
    await wait(5)
    process.off('unhandledRejection', unhandled)
    expect(onLimited.mock.calls.map(([, layer]) => layer)).toEqual(['ip', 'ip'])
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('sets one property on the request, that of express-rate-limit', async () => {
    let added: string[] = []
    const { url } = await serve((app) => {
      let before: string[] = []
      app.use((req, _res, next) => {
        before = Object.keys(req)
        next()
      })
      app.use(limitByIp())
      app.use((req, res) => {
        added = Object.keys(req).filter((name) => !before.includes(name))
        res.json({})
      })
    })
    await get(url)
    expect(added).toEqual(['rateLimit'])
  })
})

describe('the client of limitByIp', () => {
  it('is the socket: a forged X-Forwarded-For buys nothing', async () => {
    const { url } = await serve(limited({ limit: 3 }))
    const seen = await statuses(6, (i) =>
      get(url, {
        ...from(`198.51.100.${i}`),
        forwarded: `for=198.51.100.${i}`,
        'x-real-ip': `198.51.100.${i}`,
      }),
    )
    expect(seen).toEqual([200, 200, 200, 429, 429, 429])
  })

  it('is what the trusted proxy saw: what the client wrote before it buys nothing', async () => {
    const { url } = await serve(limited({ limit: 3 }, 1))
    const seen = await statuses(6, (i) => get(url, from(`198.51.100.${i}, 192.0.2.9`)))
    expect(seen).toEqual([200, 200, 200, 429, 429, 429])
    expect((await get(url, from('192.0.2.10'))).status).toBe(200)
  })

  it.each([
    ['a network of /56', (i: number) => `2001:db8:0:1${i.toString(16)}::${i}`],
    [
      'upper and lower case',
      (i: number) => ['2001:DB8::A', '2001:db8::a', '2001:0dB8::0A'][i % 3] ?? '',
    ],
    [
      'IPv4-mapped forms',
      (i: number) => ['192.0.2.7', '::ffff:192.0.2.7', '::FFFF:c000:207'][i % 3] ?? '',
    ],
    ['ports behind an address', (i: number) => `192.0.2.7:${5000 + i}`],
    ['nonsense', (i: number) => `not-an-address-${i}`],
  ])('is one in %s', async (_name, address) => {
    const { url } = await serve(limited({ limit: 3 }, 'loopback'))
    const seen = await statuses(6, (i) => get(url, from(address(i))))
    expect(seen).toEqual([200, 200, 200, 429, 429, 429])
  })

  it('is another in the next network', async () => {
    const { url } = await serve(limited({ limit: 1 }, 'loopback'))
    const seen = await statuses(4, (i) => get(url, from(`2001:db8:0:${i}00::1`)))
    expect(seen).toEqual([200, 200, 200, 200])
  })

  it.each([true, '0.0.0.0/1, 128.0.0.0/1', '::/1', () => true, 1_000_000])(
    'is unknown under trust proxy %s: every request fails and says why',
    async (setting) => {
      const { url } = await serve(limited({}, setting))
      const answers = [await get(url, from('192.0.2.1')), await get(url)]
      for (const { status, body } of answers) {
        expect(status).toBe(500)
        expect(body).toMatchObject({
          code: 'ERR_RATELIMIT_TRUST_PROXY',
          message: expect.stringMatching(/trust proxy.*number of your proxies/),
        })
      }
    },
  )

  it.each([
    false,
    1,
    3,
    'loopback',
    'loopback, 10.0.0.0/8, fc00::/7',
    ['127.0.0.1', '192.0.2.0/24'],
  ])('is known under trust proxy %j', async (setting) => {
    const { url } = await serve(limited({}, setting))
    expect((await get(url)).status).toBe(200)
  })

  it('shares buckets with strangers only when maxClients is reached', async () => {
    const { url } = await serve(limited({ limit: 2, maxClients: 2 }, 'loopback'))
    await get(url, from('192.0.2.1'))
    await get(url, from('192.0.2.2'))
    expect(await statuses(4, () => get(url, from('192.0.2.3')))).toEqual([200, 200, 429, 429])
    expect(await statuses(2, () => get(url, from('192.0.2.1')))).toEqual([200, 429])
  })
})

describe('a refused body', () => {
  const head = (port: number, fields: string) =>
    `POST / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${fields}\r\n\r\n`

  it.each([
    ['a length', 'Content-Length: 1000000000', 'x'.repeat(1000)],
    ['chunks', 'Transfer-Encoding: chunked', '3e8\r\n'],
  ])(
    'with %s is not read: the connection closes after the answer',
    async (_name, fields, start) => {
      const { url, port } = await serve(limited({ limit: 1 }))
      await get(url)
      const socket = connect(port, '127.0.0.1')
      let answer = ''
      socket.setEncoding('latin1').on('data', (data: string) => {
        answer += data
      })
      socket.on('error', () => {})
      socket.write(head(port, fields) + start)
      await once(socket, 'close')
      expect(answer).toMatch(/^HTTP\/1\.1 429 /)
      expect(answer).toMatch(/\r\nconnection: close\r\n/i)
      expect(answer).toContain('"code":429')
    },
  )

  it('that has none keeps the connection', async () => {
    const { url, port } = await serve(limited({ limit: 1 }))
    await get(url)
    const socket = connect(port, '127.0.0.1')
    socket.write(head(port, 'Content-Length: 0'))
    const [data] = (await once(socket, 'data')) as [Buffer]
    socket.destroy()
    expect(data.toString()).toMatch(/^HTTP\/1\.1 429 /)
    expect(data.toString()).not.toMatch(/\r\nconnection: close\r\n/i)
  })
})

describe('creation', () => {
  it.each<[string, LimitByIpOptions]>([
    ['windowMs', { windowMs: 0 }],
    ['windowMs', { windowMs: Number.NaN }],
    ['limit', { limit: 0 }],
    ['limit', { limit: 1.5 }],
    ['limit', { limit: '9' as unknown as number }],
    ['maxClients', { maxClients: -1 }],
    ['maxClients', { maxClients: Number.POSITIVE_INFINITY }],
    ['ipv6Prefix', { ipv6Prefix: 128 }],
    ['ipv6Prefix', { ipv6Prefix: 16 }],
    ['onLimited', { onLimited: 'log' as unknown as () => void }],
  ])('refuses a wrong %s by name', (option, options) => {
    expect(() => limitByIp(options)).toThrow(
      expect.objectContaining({
        code: 'ERR_RATELIMIT_OPTION',
        message: expect.stringContaining(`${option} of limitByIp`),
      }),
    )
  })

  it('is refused per request, where it would count nothing', async () => {
    const { url } = await serve((app) => {
      app.use((req, res, next) => limitByIp({ limit: 1 })(req, res, next))
    })
    expect((await get(url)).body).toMatchObject({ code: 'ERR_RATELIMIT_OPTION' })
  })

  it('starts no timer', () => {
    const timers = () =>
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    vi.useRealTimers()
    const before = timers()
    const app = express().use(limitByIp({ windowMs: 1000 }))
    expect(timers()).toBe(before)
    expect(app.get('trust proxy')).toBe(false)
  })
})
