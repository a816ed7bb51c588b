import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type LimitByPrincipalOptions, limitByPrincipal, type Plan } from '../src/index.js'
import { memoryMeters } from '../src/memory-meters.js'
import { as, call, calls, limitedApp } from './as.js'
import { closeServers, get, post, serve, statuses } from './serve.js'

const ran = vi.fn()
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] })
  ran.mockReset()
})
afterEach(() => {
  vi.useRealTimers()
  closeServers()
})

const toolLimits = { search: { limit: 2, windowMs: 10_000 }, export: { limit: 1 } }
const limited = (options: LimitByPrincipalOptions = {}) =>
  serve(limitedApp({ limit: 100, toolLimits, ...options }, ran))
const left = (answer: { headers: Headers }) => answer.headers.get('ratelimit')

describe('a tool with a limit of its own', () => {
  it('is refused with what an agent can act on, while the others go on', async () => {
    const onLimited = vi.fn()
    const { url } = await limited({ onLimited })
    const first = await post(url, call('search'), as('alice'))
    expect(left(first)).toBe('"principal";r=99;t=1, "tool:search";r=1;t=5')
    expect(first.headers.get('ratelimit-policy')).toBe(
      '"principal";q=100;w=60, "tool:search";q=2;w=10',
    )
    await post(url, call('search'), as('alice'))
    const refused = await post(url, call('search', 'seven'), as('alice'))
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '5'])
    expect(left(refused)).toBe('"principal";r=98;t=2, "tool:search";r=0;t=5')
    const data = {
      policy: 'tool',
      tool: 'search',
      limit: 2,
      windowMs: 10_000,
      asked: 1,
      remaining: 0,
      retryAfterSeconds: 5,
      retryable: true,
    }
    expect(refused.body).toEqual({
      jsonrpc: '2.0',
      id: 'seven',
      error: {
        code: 429,
        message: 'Too Many Requests: the limit of 2 of search in 10 s is used up; retry after 5 s',
        data,
      },
    })
    expect(onLimited.mock.calls.map(([, ...told]) => told)).toEqual([['tool', data]])
    expect(left(await post(url, call('other'), as('alice')))).toBe('"principal";r=97;t=2')
    vi.advanceTimersByTime(5000)
    expect((await post(url, call('search'), as('alice'))).status).toBe(200)
  })

  it('is counted for each principal, and in the window of the principal by default', async () => {
    const { url } = await limited()
    const seen = await statuses(4, (i) => post(url, call('export'), as(['alice', 'bob'][i % 2])))
    expect(seen).toEqual([200, 200, 429, 429])
    expect((await post(url, call('export'), as('bob'))).headers.get('retry-after')).toBe('60')
  })

  it('is counted by calls, whatever a call weighs', async () => {
    const { url } = await limited({ costOf: () => 10 })
    expect(left(await post(url, call('search'), as('alice')))).toBe(
      '"principal";r=90;t=6, "tool:search";r=1;t=5',
    )
  })

  it('costs the principal nothing when it refuses, nor the tool when the principal does', async () => {
    const { url } = await limited({ limit: 3 })
    await statuses(9, () => post(url, call('export'), as('alice')))
    expect(left(await post(url, call('search'), as('alice')))).toMatch(/"principal";r=1;/)
    await post(url, call('other'), as('alice'))
    expect((await post(url, call('search'), as('alice'))).body.error?.data.policy).toBe('principal')
    vi.advanceTimersByTime(20_000)
    // The second of two: had the refused one counted, there would be none.
    expect(left(await post(url, call('search'), as('alice')))).toMatch(/"tool:search";r=1;/)
  })
})

describe('a batch', () => {
  it('is charged for each entry of each tool, or refused whole before anything is charged', async () => {
    const { url } = await limited()
    const refused = await post(url, calls('search', 'export', 'other', 'export'), as('alice'))
    expect([refused.status, refused.body.id]).toEqual([413, null])
    expect(refused.body.error?.data).toMatchObject({ tool: 'export', asked: 2, remaining: 1 })
    expect(ran).not.toHaveBeenCalled()
    const passed = await post(url, calls('search', 'search', 'other', 'export'), as('alice'))
    expect(passed.status).toBe(200)
    expect(left(passed)).toMatch(/^"principal";r=96;/)
  })

  it('of more than a tool ever lets pass is told not to come again', async () => {
    const { url } = await limited()
    const refused = await post(url, calls('search', 'search', 'search'), as('alice'))
    expect(refused.body.error).toMatchObject({
      message:
        'Content Too Large: this asks for 3 calls of search, more than the whole limit of 2; send a smaller batch',
      data: { tool: 'search', asked: 3, remaining: 2, retryable: false },
    })
    expect(refused.headers.has('retry-after')).toBe(false)
  })

  it('is told of the limit that never lets it pass before one that soon would', async () => {
    const { url } = await limited()
    await post(url, call('export'), as('alice'))
    const { body } = await post(url, calls('export', 'search', 'search', 'search'), as('alice'))
    expect(body.error?.data).toMatchObject({ tool: 'search', retryable: false })
  })

  it('is told the longest wait of several limits that refuse: after it, it passes', async () => {
    const { url } = await limited({ limit: 3 })
    await post(url, calls('export', 'search', 'search'), as('alice'))
    const refused = await post(url, calls('search', 'export'), as('alice'))
    expect(refused.body.error?.data).toMatchObject({ tool: 'export', retryAfterSeconds: 60 })
    vi.advanceTimersByTime(59_000)
    expect((await post(url, calls('search', 'export'), as('alice'))).status).toBe(429)
    vi.advanceTimersByTime(1000)
    expect((await post(url, calls('search', 'export'), as('alice'))).status).toBe(200)
  })

  it('tells of the tool that has least left, so that the fields stay short', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `${'tool'.repeat(30)}${i}`)
    const many = Object.fromEntries(names.map((name, i) => [name, { limit: 200 - i }]))
    const { url } = await limited({ toolLimits: many, limit: 1000 })
    const passed = await post(url, calls(...names), as('alice'))
    expect(left(passed)).toMatch(/^"principal";r=900;t=6, "tool:(tool){30}99";r=100;t=1$/)
    expect(passed.status).toBe(200)
  })
})

describe('a plan', () => {
  const plans: Record<string, Plan> = {
    free: { limit: 5, toolLimits: { search: { limit: 1 } } },
    hourly: { limit: 1000, windowMs: 3_600_000 },
  }
  const planOf: LimitByPrincipalOptions['planOf'] = (req) => plans[req.get('x-plan') ?? '']
  const on = (plan: string) => ({ ...as('alice'), 'x-plan': plan })

  it('has its own limits, and leaves the others as they are', async () => {
    const { url } = await limited({ planOf })
    const free = await post(url, calls('search', 'export'), on('free'))
    expect(free.headers.get('ratelimit-policy')).toBe(
      '"principal";q=5;w=60, "tool:search";q=1;w=60',
    )
    const { url: other } = await limited({ planOf })
    expect((await post(other, call('export'), on('hourly'))).headers.get('ratelimit-policy')).toBe(
      '"principal";q=1000;w=3600, "tool:export";q=1;w=3600',
    )
    expect((await post(url, call('export'), as('bob'))).headers.get('ratelimit-policy')).toBe(
      '"principal";q=100;w=60, "tool:export";q=1;w=60',
    )
  })

  it('that changes neither frees nor locks out', async () => {
    const { url } = await limited({ planOf })
    await statuses(5, () => post(url, call('other'), on('free')))
    expect((await post(url, call('other'), on('free'))).status).toBe(429)
    // Up: what is used stays used, and comes back at the new rate.
    expect((await post(url, call('other'), on(''))).headers.get('retry-after')).toBe('1')
    vi.advanceTimersByTime(600)
    expect((await post(url, call('other'), on(''))).status).toBe(200)
    // Down: one unit at the new rate, not the rest of an old window.
    const down = await post(url, call('other'), on('free'))
    expect([down.status, down.headers.get('retry-after')]).toEqual([429, '12'])
  })

  it.each<[string, unknown]>([
    ['a promise', Promise.resolve({ limit: 1 })],
    ['null', null],
    ['a name', 'free'],
    ['a list', [{ limit: 1 }]],
    ['a limit of 0', { limit: 0 }],
    ['no number', { limit: Number.NaN }],
    ['text', { limit: '100' }],
    ['a fraction', { windowMs: 0.5 }],
    ['no limits of tools', { toolLimits: 3 }],
    ['a limit of a tool without a number', { toolLimits: { search: {} } }],
    ['a limit of a tool that is none', { toolLimits: { search: { limit: -1 } } }],
  ])('that is %s fails: nothing passes unlimited', async (_name, plan) => {
    const { url } = await limited({ planOf: () => plan as Plan })
    const answer = await post(url, call('search'), as('alice'))
    expect(answer).toMatchObject({ status: 500, body: { code: 'ERR_RATELIMIT_PLAN' } })
    expect(ran).not.toHaveBeenCalled()
  })
})

describe('other meters', () => {
  it('get all charges of a request in one call, and may answer later', async () => {
    const memory = memoryMeters(100)
    const charge = vi.fn((charges) => Promise.resolve(memory.charge(charges)))
    const { url } = await limited({ meters: { charge } })
    const seen = await statuses(3, () => post(url, calls('search', 'other'), as('alice')))
    expect(seen).toEqual([200, 200, 429])
    expect(charge).toHaveBeenCalledTimes(3)
    expect(charge.mock.calls[0]?.[0]).toMatchObject([
      { key: 'principal alice', units: 2, limit: 100, windowMs: 60_000 },
      { key: 'tool search principal alice', units: 1, limit: 2, windowMs: 10_000 },
    ])
  })

  it.each([
    ['reject', () => Promise.reject(Object.assign(new Error('down'), { code: 'DOWN' })), 'DOWN'],
    ['give no verdict', () => [], 'ERR_RATELIMIT_METERS'],
    ['give none later', () => Promise.resolve([]), 'ERR_RATELIMIT_METERS'],
  ])('that %s fail the request: it never passes unlimited', async (_name, charge, code) => {
    const { url } = await limited({ meters: { charge } })
    expect(await get(url, as('alice'))).toMatchObject({ status: 500, body: { code } })
    expect(ran).not.toHaveBeenCalled()
  })
})

describe('creation', () => {
  const refused = (toolLimits: unknown) => () =>
    limitByPrincipal({ toolLimits } as LimitByPrincipalOptions)

  it.each<[string, unknown]>([
    ['quotas', [1]],
    ['quotas', new Map([['search', { limit: 1 }]])],
    ['quotas', null],
    ['search', { search: 5 }],
    ['search', { search: { limit: 0 } }],
    ['search', { search: { windowMs: 1000 } }],
    ['search', { search: { limit: 1, windowMs: -1 } }],
    ['no name of a tool', { 'two words': { limit: 1 } }],
    ['no name of a tool', { 'quote"': { limit: 1 } }],
    ['no name of a tool', { ключ: { limit: 1 } }],
    ['no name of a tool', { 'a\r\nX-Evil: 1': { limit: 1 } }],
    ['no name of a tool', { 'prompt:': { limit: 1 } }],
    ['no name of a tool', { ':x': { limit: 1 } }],
    ['no name of a tool', { 'prompt:a:b': { limit: 1 } }],
    ['no name of a tool', { 'Prompt x:a': { limit: 1 } }],
    ['no name of a tool', { [`prompt:${'x'.repeat(129)}`]: { limit: 1 } }],
  ])('refuses wrong toolLimits: %s', (named, limits) => {
    expect(refused(limits)).toThrow(
      expect.objectContaining({
        code: 'ERR_RATELIMIT_OPTION',
        message: expect.stringMatching(
          new RegExp(`toolLimits of limitByPrincipal .*${named}`, 's'),
        ),
      }),
    )
  })

  it.each(['planOf', 'toolOf', 'meters'])('refuses a wrong %s', (option) => {
    expect(() => limitByPrincipal({ [option]: 'x' })).toThrow(
      expect.objectContaining({
        code: 'ERR_RATELIMIT_OPTION',
        message: expect.stringContaining(`${option} of limitByPrincipal`),
      }),
    )
  })

  it('refuses more keys than a table can hold', () => {
    expect(() => limitByPrincipal({ maxPrincipals: 20_000_000 })).toThrow(/from 1 to 10000000/)
  })
})
