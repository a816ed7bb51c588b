import { jsonBody } from '@mcp-prod/rpc'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type LimitByPrincipalOptions, limitByIp, limitByPrincipal } from '../src/index.js'
import { memoryMeters } from '../src/memory-meters.js'
import { as, authenticate, call, limitedApp, of } from './as.js'
import { closeServers, get, post, serve, statuses } from './serve.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
  closeServers()
})

const ran = vi.fn()
beforeEach(() => {
  ran.mockReset()
})

const limited = (options: LimitByPrincipalOptions) => limitedApp(options, ran)

describe('limitByPrincipal', () => {
  it('answers 429 as JSON-RPC with the id of the request', async () => {
    const { url } = await serve(limited({ limit: 2, windowMs: 10_000 }))
    const first = await post(url, call('a'), as('alice'))
    expect(first.headers.get('ratelimit')).toBe('"principal";r=1;t=5')
    expect(first.headers.get('ratelimit-policy')).toBe('"principal";q=2;w=10')
    await post(url, call('a'), as('alice'))
    const refused = await post(url, call('a', 'seven'), as('alice'))
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('5')
    expect(refused.body).toEqual({
      jsonrpc: '2.0',
      id: 'seven',
      error: {
        code: 429,
        message: 'Too Many Requests: the limit of 2 in 10 s is used up; retry after 5 s',
        data: {
          policy: 'principal',
          limit: 2,
          windowMs: 10_000,
          asked: 1,
          remaining: 0,
          retryAfterSeconds: 5,
          retryable: true,
        },
      },
    })
    expect(ran).toHaveBeenCalledTimes(2)
  })

  it('stands beside limitByIp in the same header fields', async () => {
    const { url } = await serve((app) => {
      app.use(limitByIp({ limit: 10, windowMs: 1000 }))
      limited({ limit: 1, windowMs: 60_000 })(app)
    })
    const passed = await post(url, call('a'), as('alice'))
    expect(passed.headers.get('ratelimit')).toBe('"ip";r=9;t=1, "principal";r=0;t=60')
    expect(passed.headers.get('ratelimit-policy')).toBe('"ip";q=10;w=1, "principal";q=1;w=60')
    const refused = await post(url, call('a'), as('alice'))
    expect(refused.status).toBe(429)
    expect(refused.headers.get('ratelimit')).toBe('"ip";r=8;t=1, "principal";r=0;t=60')
    expect(refused.headers.get('retry-after')).toBe('60')
  })

  it('defaults to 300 units a minute', async () => {
    const { url } = await serve(limited({}))
    expect((await post(url, call('a'), as('a'))).headers.get('ratelimit-policy')).toBe(
      '"principal";q=300;w=60',
    )
  })

  it('names the layer to onLimited', async () => {
    const onLimited = vi.fn()
    const { url } = await serve(limited({ limit: 1, onLimited }))
    await statuses(2, () => post(url, call('a'), as('alice')))
    expect(onLimited.mock.calls.map(([, layer]) => layer)).toEqual(['principal'])
  })
})

describe('the principal', () => {
  it('has one quota from all addresses and through all clients', async () => {
    const { url } = await serve(limited({ limit: 2 }))
    const seen = await statuses(4, (i) =>
      post(url, call('a'), { ...as('alice', `client ${i}`), 'x-forwarded-for': `192.0.2.${i}` }),
    )
    expect(seen).toEqual([200, 200, 429, 429])
  })

  it('does not share it, nor with one whose name differs in case', async () => {
    const { url } = await serve(limited({ limit: 1 }))
    const names = [
      'alice',
      'Alice',
      'ALICE',
      ' alice',
      'bob',
      '__proto__',
      'constructor',
      '1 alice',
    ]
    expect(await statuses(names.length, (i) => post(url, call('a'), as(names[i])))).toEqual(
      names.map(() => 200),
    )
    expect(await statuses(names.length, (i) => post(url, call('a'), as(names[i])))).toEqual(
      names.map(() => 429),
    )
  })

  // Whoever may choose an id at the authorization server would choose that of a victim, or many of his own.
  it.each([
    ['percent encoding', ['a b', 'a%20b', 'a+b', 'a%2520b']],
    ['composed and decomposed letters', ['caf\u00e9', 'cafe\u0301']],
    ['letters that only look alike', ['admin', '\u0430dmin', 'ad\u200bmin', '\uff41dmin']],
    ['halves of a surrogate pair', ['\ud800', '\udfff', '\ufffd']],
    ['halves of a pair in a long one', [`${'x'.repeat(200)}\ud800`, `${'x'.repeat(200)}\udfff`]],
    ['control characters', ['alice', 'alice\u0000', 'alice\n', '\u0000alice']],
    ['what keys are made of', ['address 192.0.2.1', 'principal alice', 'alice', 'hashed alice']],
    ['length', ['x'.repeat(128), 'x'.repeat(129), 'x'.repeat(130), `${'x'.repeat(129)}y`]],
  ])('is told apart from others by every code unit: %s', async (_, names) => {
    const { url } = await serve(limited({ limit: 1 }))
    const once = await statuses(names.length, (i) => post(url, call('a'), as(names[i])))
    expect(once).toEqual(names.map(() => 200))
    const twice = await statuses(names.length, (i) => post(url, call('a'), as(names[i])))
    expect(twice).toEqual(names.map(() => 429))
  })

  // Tenants name their own, and would use up each other's.
  it('is another in each tenant, and in none, whatever it is called', async () => {
    const { url } = await serve(limited({ limit: 1, toolLimits: { a: { limit: 1 } } }))
    const long = 'x'.repeat(200)
    const callers = [
      as('ci'),
      of('acme', 'ci'),
      of('acme2', 'ci'),
      of('ACME', 'ci'),
      of('acme', undefined, 'ci2'),
      as('["acme","ci"]'),
      as('tenant ["acme","ci"]'),
      of('acme","ci', ''),
      of('acme', '","ci'),
      of('acme","', 'ci'),
      as(long),
      of('acme', long),
      of(long, 'ci'),
      of(long, long),
      as(JSON.stringify(['acme', long])),
      as(`tenant ${JSON.stringify(['acme', long])}`),
      of('acme', '\ud800'),
      of('acme', '\\ud800'),
    ]
    const asked = () => statuses(callers.length, (i) => post(url, call('a'), callers[i]))
    expect(await asked()).toEqual(callers.map(() => 200))
    expect(await asked()).toEqual(callers.map(() => 429))
  })

  it('is in the tenant also when it is who principalOf says', async () => {
    const { url } = await serve(limited({ limit: 1, principalOf: () => 'team' }))
    expect((await post(url, call('a'), of('acme', 'one'))).status).toBe(200)
    expect((await post(url, call('a'), of('acme', 'two'))).status).toBe(429)
    expect((await post(url, call('a'), of('other', 'one'))).status).toBe(200)
  })

  it.each([undefined, '', 7, null, ['acme']])(
    'is in no tenant where that is %j',
    async (tenant) => {
      const { url } = await serve(limited({ limit: 1 }))
      expect((await post(url, call('a'), as('ci'))).status).toBe(200)
      expect((await post(url, call('a'), of(tenant, 'ci'))).status).toBe(429)
    },
  )

  it('of a tenant is still its address for want of a name', async () => {
    const { url } = await serve(limited({ limit: 1 }))
    expect((await post(url, call('a'), of('acme', '', ''))).status).toBe(200)
    expect((await post(url, call('a'), of('other', '', ''))).status).toBe(429)
  })

  it.each([undefined, '', 7, null, { name: 'x' }])(
    'is the client id when extra.principal is %j',
    async (principal) => {
      const { url } = await serve(limited({ limit: 1 }))
      expect(await statuses(2, () => post(url, call('a'), as(principal, 'one')))).toEqual([
        200, 429,
      ])
      expect((await post(url, call('a'), as(principal, 'two'))).status).toBe(200)
      expect((await post(url, call('a'), as('one', 'three'))).status).toBe(429)
    },
  )

  it('is the address for want of one, and is not to be taken for a principal of that name', async () => {
    const { url } = await serve(limited({ limit: 1 }))
    const anonymous = (address: string) => post(url, call('a'), { 'x-forwarded-for': address })
    expect((await anonymous('192.0.2.1')).status).toBe(200)
    expect((await anonymous('192.0.2.1')).status).toBe(429)
    expect((await anonymous('2001:db8::1')).status).toBe(200)
    expect((await anonymous('2001:db8:0:ff::2')).status).toBe(429)
    expect((await post(url, call('a'), as('192.0.2.1'))).status).toBe(200)
    expect((await post(url, call('a'), as('address 192.0.2.1'))).status).toBe(200)
  })

  it('may be read elsewhere', async () => {
    const principalOf: LimitByPrincipalOptions['principalOf'] = (req) => req.get('x-tenant')
    const { url } = await serve(limited({ limit: 1, principalOf }))
    const ask = (tenant: string) => post(url, call('a'), { ...as('alice'), 'x-tenant': tenant })
    expect([(await ask('t1')).status, (await ask('t2')).status, (await ask('t1')).status]).toEqual([
      200, 200, 429,
    ])
  })

  it('may have a very long name, which stays distinct', async () => {
    const meters = memoryMeters(10)
    const charge = vi.spyOn(meters, 'charge')
    const { url } = await serve(limited({ limit: 1, meters }))
    const seen = await statuses(4, (i) => post(url, call('a'), as(`${'x'.repeat(9000)}${i % 2}`)))
    expect(seen).toEqual([200, 200, 429, 429])
    const keys = charge.mock.calls.flatMap(([charges]) => charges.map(({ key }) => key))
    expect(keys).toHaveLength(4)
    for (const key of keys) expect(key.length).toBeLessThan(200)
  })

  it('fails closed when principalOf throws', async () => {
    const principalOf = () => {
      throw Object.assign(new Error('no'), { code: 'BROKEN' })
    }
    const { url } = await serve(limited({ principalOf }))
    expect(await post(url, call('a'))).toMatchObject({ status: 500, body: { code: 'BROKEN' } })
    expect(ran).not.toHaveBeenCalled()
  })
})

describe('the cost', () => {
  const costOf: LimitByPrincipalOptions['costOf'] = ({ method, name }) =>
    method === 'ping' ? 0 : name === 'expensive' ? 10 : 1

  it('of a batch is that of all its entries, refused whole before any runs', async () => {
    const { url } = await serve(limited({ limit: 10 }))
    const batch = (size: number) => Array.from({ length: size }, (_, i) => call('a', i))
    expect((await post(url, batch(6), as('alice'))).headers.get('ratelimit')).toMatch(
      /^"principal";r=4;/,
    )
    const refused = await post(url, batch(5), as('alice'))
    expect([refused.status, refused.body.id]).toEqual([429, null])
    expect(ran).toHaveBeenCalledTimes(1)
    // What was refused cost nothing.
    expect((await post(url, batch(4), as('alice'))).status).toBe(200)
    expect((await post(url, call('a'), as('alice'))).status).toBe(429)
  })

  it('of a batch is summed by costOf, wherever the dear call hides', async () => {
    const { url } = await serve(limited({ limit: 10, costOf }))
    const hidden = [call('cheap'), { jsonrpc: '2.0', method: 'ping', id: 3 }, call('expensive')]
    expect((await post(url, hidden, as('alice'))).status).toBe(413)
    expect((await post(url, call('expensive'), as('alice'))).status).toBe(200)
    expect((await post(url, call('cheap'), as('alice'))).status).toBe(429)
  })

  it('says so when more is asked than ever passes', async () => {
    const { url } = await serve(limited({ limit: 3, windowMs: 60_000 }))
    const refused = await post(
      url,
      [1, 2, 3, 4].map((id) => call('a', id)),
      as('alice'),
    )
    expect(refused.status).toBe(413)
    expect(refused.headers.has('retry-after')).toBe(false)
    expect(refused.body.error?.message).toContain(
      'asks for 4 units, more than the whole limit of 3',
    )
    expect(refused.body.error?.data).toMatchObject({ asked: 4, remaining: 3, retryable: false })
  })

  it('is that of the tool in the body, whatever the headers name', async () => {
    const { url } = await serve(limited({ limit: 10, costOf }))
    const lies = {
      'Mcp-Name': 'cheap',
      'Mcp-Method': 'ping',
      'MCP-NAME': 'cheap',
      'mcp-protocol-version': '2025-06-18',
    }
    expect((await post(url, call('expensive'), { ...as('alice'), ...lies })).status).toBe(200)
    expect((await post(url, call('cheap'), { ...as('alice'), ...lies })).status).toBe(429)
    const encoded = { ...as('bob'), 'Mcp-Name': '=?base64?Y2hlYXA=?=' }
    expect((await post(url, call('expensive'), encoded)).headers.get('ratelimit')).toMatch(/;r=0;/)
  })

  it('of a notification is that of a request; responses and invalid entries cost 1', async () => {
    const { url } = await serve(limited({ limit: 100, costOf: () => 10 }))
    const batch = [
      { jsonrpc: '2.0', method: 'notifications/x' },
      { jsonrpc: '2.0', id: 1, result: {} },
      { nonsense: true },
      null,
      call('a'),
    ]
    expect((await post(url, batch, as('alice'))).headers.get('ratelimit')).toMatch(/;r=77;/)
  })

  it('of a request without a body is 1', async () => {
    const { url } = await serve(limited({ limit: 2, costOf: () => 0 }))
    expect(await statuses(3, () => get(url, as('alice')))).toEqual([200, 200, 429])
  })

  it('may be 0, which passes even with nothing left', async () => {
    const { url } = await serve(limited({ limit: 1, costOf }))
    await post(url, call('cheap'), as('alice'))
    expect((await post(url, call('cheap'), as('alice'))).status).toBe(429)
    expect((await post(url, { jsonrpc: '2.0', id: 1, method: 'ping' }, as('alice'))).status).toBe(
      200,
    )
  })

  it.each([-1, Number.NaN, '5', undefined])(
    'of %s is refused: it could give units back',
    async (cost) => {
      const { url } = await serve(limited({ costOf: () => cost as number }))
      const answer = await post(url, [call('a')], as('alice'))
      expect(answer).toMatchObject({ status: 500, body: { code: 'ERR_RATELIMIT_COST' } })
      expect(ran).not.toHaveBeenCalled()
    },
  )

  it('of infinity never passes, and does not lock the principal out', async () => {
    const { url } = await serve(
      limited({ costOf: (c) => (c.name === 'all' ? Number.POSITIVE_INFINITY : 1) }),
    )
    expect((await post(url, call('all'), as('alice'))).status).toBe(413)
    expect((await post(url, call('a'), as('alice'))).status).toBe(200)
  })

  it('is never guessed for a body that nobody has read', async () => {
    const { url } = await serve((app) => {
      app.use(authenticate, limitByPrincipal(), jsonBody())
      app.use((req, res) => {
        ran(req.body)
        res.json({})
      })
    })
    const answer = await post(url, [call('a'), call('b')], as('alice'))
    expect(answer).toMatchObject({ status: 500, body: { code: 'ERR_RATELIMIT_UNREAD_BODY' } })
    expect(ran).not.toHaveBeenCalled()
  })
})

describe('creation', () => {
  it.each<[string, LimitByPrincipalOptions]>([
    ['windowMs', { windowMs: -1 }],
    ['limit', { limit: 0 }],
    ['maxPrincipals', { maxPrincipals: 0.5 }],
    ['principalOf', { principalOf: 'alice' as unknown as () => string }],
    ['costOf', { costOf: 3 as unknown as () => number }],
    ['onLimited', { onLimited: {} as unknown as () => void }],
  ])('refuses a wrong %s by name', (option, options) => {
    expect(() => limitByPrincipal(options)).toThrow(
      expect.objectContaining({
        code: 'ERR_RATELIMIT_OPTION',
        message: expect.stringContaining(`${option} of limitByPrincipal`),
      }),
    )
  })
})
