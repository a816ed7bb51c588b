import { request } from 'node:http'
import type { Express } from 'express'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type LimitByPrincipalOptions, limitByIp } from '../src/index.js'
import { memoryMeters } from '../src/memory-meters.js'
import { as, call, calls, limitedApp } from './as.js'
import { closeServers, get, post, serve, statuses } from './serve.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
  closeServers()
})

describe('a forged X-Forwarded-For', () => {
  // What `trustProxy` of @mcp-prod/security makes of each form of TRUST_PROXY, and what the proxies in front append.
  const forms: [string, unknown, (client: string) => string | undefined][] = [
    ['0', false, () => undefined],
    ['1', 1, (client) => client],
    ['2', 2, (client) => `${client}, 10.0.0.1`],
    ['loopback', ['loopback'], (client) => client],
    [
      'networks',
      ['loopback', '10.0.0.0/8', 'fc00::/7'],
      (client) => `${client}, fc00::1, 10.0.0.1`,
    ],
    ['an address', ['127.0.0.1'], (client) => client],
  ]
  const limited = (trust: unknown) => (app: Express) => {
    app.set('trust proxy', trust)
    app.use(limitByIp({ limit: 3 }), (_req, res) => {
      res.json({})
    })
  }
  const sent = (forged: string, real: string | undefined) => ({
    'x-forwarded-for': real === undefined ? forged : `${forged}, ${real}`,
  })
  const lies = (i: number) =>
    [`198.51.100.${i}`, `::ffff:198.51.100.${i}`, '127.0.0.1', '10.0.0.1, 127.0.0.1', ', ,', 'x'][
      i % 6
    ] ?? ''

  it.each(forms)('frees nobody under TRUST_PROXY %s', async (_form, trust, append) => {
    const { url } = await serve(limited(trust))
    const seen = await statuses(12, (i) => get(url, sent(lies(i), append('192.0.2.66'))))
    expect(seen.filter((status) => status === 200)).toHaveLength(3)
  })

  it.each(forms.slice(1))('poisons nobody under TRUST_PROXY %s', async (_form, trust, append) => {
    const { url } = await serve(limited(trust))
    const victim = '203.0.113.5'
    await statuses(9, () => get(url, sent(victim, append('192.0.2.66'))))
    expect((await get(url, { 'x-forwarded-for': append(victim) ?? '' })).status).toBe(200)
  })

  it('in a line of its own frees nobody either', async () => {
    const { port } = await serve(limited(1))
    const ask = (i: number) =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = { 'X-Forwarded-For': [`198.51.100.${i}`, '192.0.2.66'] }
        request({ host: '127.0.0.1', port, headers }, (res) => {
          res.resume()
          resolve(res.statusCode)
        })
          .on('error', reject)
          .end()
      })
    const seen: unknown[] = []
    for (let i = 0; i < 5; i++) seen.push(await ask(i))
    expect(seen).toEqual([200, 200, 200, 429, 429])
  })
})

describe('rotation', () => {
  it('through a whole IPv6 /56 is one client, with one key', async () => {
    const meters = memoryMeters(1000)
    const { url } = await serve((app) => {
      app.set('trust proxy', 'loopback')
      app.use(limitByIp({ limit: 3, meters }), (_req, res) => {
        res.json({})
      })
    })
    const seen = await statuses(64, (i) =>
      get(url, { 'x-forwarded-for': `2001:db8:1:2${(i * 4).toString(16).padStart(2, '0')}::${i}` }),
    )
    expect(seen.filter((status) => status === 200)).toHaveLength(3)
    expect(meters.size).toBe(1)
  })

  it('through addresses until the table is full gives nobody a second quota', async () => {
    const { url } = await serve((app) => {
      app.set('trust proxy', 'loopback')
      app.use(limitByIp({ limit: 2, maxClients: 4 }), (_req, res) => {
        res.json({})
      })
    })
    const ask = (address: string) => get(url, { 'x-forwarded-for': address })
    await ask('203.0.113.5')
    expect(await statuses(3, () => ask('192.0.2.66'))).toEqual([200, 200, 429])
    await statuses(200, (i) => ask(`198.51.100.${i}`))
    expect(await statuses(2, () => ask('192.0.2.66'))).toEqual([429, 429])
    // Whom the flood meant to push out still has what was left.
    expect(await statuses(2, () => ask('203.0.113.5'))).toEqual([200, 429])
  })
})

describe('a tool with a limit', () => {
  const toolLimits = { search: { limit: 3 } }
  const limited = async (options: LimitByPrincipalOptions = {}) => {
    const meters = memoryMeters(1000)
    return { meters, ...(await serve(limitedApp({ limit: 1000, toolLimits, meters, ...options }))) }
  }

  it('is the one in the body, whatever the headers name', async () => {
    const { url } = await limited()
    const names = ['other', 'search', '=?base64?b3RoZXI=?=', 'other, search', '']
    const lie = (i: number) => ({
      ...as('alice'),
      'Mcp-Name': names[i % names.length] ?? '',
      'Mcp-Method': i % 2 ? 'ping' : 'tools/call',
      ...(i % 3 && { 'MCP-Protocol-Version': '2025-06-18' }),
    })
    expect(await statuses(6, (i) => post(url, call('search'), lie(i)))).toEqual([
      200, 200, 200, 429, 429, 429,
    ])
    const honest = await statuses(3, () =>
      post(url, call('other'), { ...as('alice'), 'Mcp-Name': 'search' }),
    )
    expect(honest).toEqual([200, 200, 200])
  })

  it.each<[string, unknown]>([
    ['the same id again and again', Array.from({ length: 4 }, () => call('search', 1))],
    ['among others', calls('other', 'search', 'other', 'search', 'search', 'other', 'search')],
    [
      'as notifications',
      calls('search', 'search', 'search', 'search').map(({ id: _, ...rest }) => rest),
    ],
    [
      'in a hundred entries',
      Array.from({ length: 100 }, (_, i) => call(i % 25 ? 'other' : 'search', i)),
    ],
    [
      'with null ids',
      calls('search', 'search', 'search', 'search').map((entry) => ({ ...entry, id: null })),
    ],
    [
      'with a name behind another',
      Array.from({ length: 4 }, (_, id) => ({
        ...call('other', id),
        params: { uri: 'x', name: 'search' },
      })),
    ],
  ])('is counted in a batch %s, which is refused whole', async (_name, batch) => {
    const { url } = await limited()
    const refused = await post(url, batch, as('alice'))
    expect(refused.body.error).toMatchObject({
      code: 413,
      data: { tool: 'search', asked: 4, limit: 3, retryable: false },
    })
    expect(await statuses(4, () => post(url, call('search'), as('alice')))).toEqual([
      200, 200, 200, 429,
    ])
  })

  it.each([
    'Search',
    'SEARCH',
    ' search',
    'search ',
    'search\u0000',
    'ｓｅａｒｃｈ',
    's\u0435arch',
    '%73earch',
    'tools/search',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '',
    'x'.repeat(10_000),
    7,
    null,
    {},
    ['search'],
  ])('is not %j: such a name costs the principal, and gets no key', async (name) => {
    const { url, meters } = await limited()
    const answer = await post(url, call(name), as('alice'))
    expect(answer.headers.get('ratelimit')).toBe('"principal";r=999;t=1')
    expect(meters.size).toBe(1)
  })

  it('may be called __proto__, and is limited', async () => {
    const { url } = await limited({ toolLimits: JSON.parse('{"__proto__":{"limit":1}}') })
    const seen = await statuses(3, (i) =>
      post(url, call(i < 2 ? '__proto__' : 'search'), as('alice')),
    )
    expect(seen).toEqual([200, 429, 200])
  })

  it('has a key that no principal can be named like', async () => {
    const { url } = await limited({ limit: 2 })
    // Whoever could write into the key of a tool would use up the quota of another.
    const names = ['search principal alice', 'tool search principal alice', 'alice', '__proto__']
    for (const name of names) {
      expect((await post(url, calls('search', 'other'), as(name))).status).toBe(200)
    }
    for (const name of names) expect((await post(url, call('search'), as(name))).status).toBe(429)
  })

  it('gets no new quota from a clock that jumps', async () => {
    const { url } = await limited()
    await statuses(3, () => post(url, call('search'), as('alice')))
    for (const days of [-400, 800, -1, 30]) {
      vi.setSystemTime(Date.now() + days * 86_400_000)
      const refused = await post(url, call('search'), as('alice'))
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '20'])
    }
  })

  it('keeps no key of a principal for what it refuses, however many names are tried', async () => {
    const { url, meters } = await limited()
    await statuses(200, (i) =>
      post(url, calls(`made-up-${i}`, 'search', 'search', 'search', 'search'), as('a')),
    )
    expect(meters.size).toBe(0)
  })
})
