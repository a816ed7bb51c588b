import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { jsonBody } from '@mcp-prod/rpc'
import type { RequestHandler } from 'express'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { limitByIp, limitByPrincipal, memoryMeters } from '../src/index.js'
import type { Charge, Meters, Verdict } from '../src/meters.js'
import { as, authenticate, call, calls } from './as.js'
import { closeServers, get, post, serve, statuses } from './serve.js'

afterEach(closeServers)

/** Meters that several processes ask over a network, each question taking `delayMs`. */
function sharedMeters(delayMs = 5) {
  const memory = memoryMeters(1000)
  const charge = vi.fn(async (charges: readonly Charge[], first?: Charge): Promise<Verdict> => {
    const verdict = memory.charge(charges, first)
    await wait(delayMs)
    return verdict
  })
  return { charge, shared: true } satisfies Meters
}

const requireUser: RequestHandler = (req, res, next) => {
  if ((req as { auth?: unknown }).auth) next()
  else res.status(401).json({})
}

interface Limits {
  ip?: number
  principal?: number
  search?: number
}

/** One replica: addresses by X-Forwarded-For, principals by a header, a 401 without one. */
async function replica(meters: Meters, { ip = 100, principal = 100, search = 100 }: Limits = {}) {
  const ran = vi.fn()
  const onIp = vi.fn()
  const onPrincipal = vi.fn()
  const { url, port } = await serve((app) => {
    app.set('trust proxy', 'loopback')
    app.use(limitByIp({ meters, limit: ip, onLimited: onIp }))
    app.use(authenticate, requireUser, jsonBody())
    const toolLimits = { search: { limit: search } }
    app.use(limitByPrincipal({ meters, limit: principal, toolLimits, onLimited: onPrincipal }))
    app.use((_req, res) => {
      ran()
      res.json({ ok: true })
    })
  })
  return { url, port, ran, onIp, onPrincipal }
}

const from = (address: string, principal = 'alice') => ({
  ...as(principal),
  'x-forwarded-for': address,
})
const stranger = { 'x-forwarded-for': '192.0.2.66' }

describe('shared meters', () => {
  it('are asked once for all layers of a request, with the address first', async () => {
    const meters = sharedMeters()
    const { url } = await replica(meters)
    const answer = await post(url, calls('search', 'other'), from('192.0.2.1'))
    expect(answer.status).toBe(200)
    await wait(50)
    expect(meters.charge).toHaveBeenCalledTimes(1)
    expect(meters.charge.mock.calls[0]).toMatchObject([
      [{ key: 'principal alice' }, { key: 'tool search principal alice' }],
      { key: 'ip 192.0.2.1', units: 1, limit: 100, windowMs: 60_000 },
    ])
    expect(answer.headers.get('ratelimit')).toBe(
      '"ip";r=99;t=1, "principal";r=98;t=2, "tool:search";r=99;t=1',
    )
  })

  it('correct what was told of the address from this process alone', async () => {
    const meters = sharedMeters()
    const [a, b] = [await replica(meters), await replica(meters)]
    await statuses(3, () => post(a.url, call('x'), from('192.0.2.1')))
    const answer = await post(b.url, call('x'), from('192.0.2.1'))
    expect(answer.headers.get('ratelimit')).toMatch(/^"ip";r=96;t=3, "principal";/)
    expect(answer.headers.get('ratelimit-policy')).toBe('"ip";q=100;w=60, "principal";q=100;w=60')
  })

  it('that refuse the address make it a 429 of its layer, told to its own listener', async () => {
    const meters = sharedMeters()
    const [a, b] = [await replica(meters, { ip: 2 }), await replica(meters, { ip: 2 })]
    await statuses(2, () => post(a.url, call('x'), from('192.0.2.1')))
    const refused = await post(b.url, call('x', 7), from('192.0.2.1', 'bob'))
    expect(refused).toMatchObject({
      status: 429,
      body: { id: 7, error: { data: { policy: 'ip', limit: 2, remaining: 0, retryable: true } } },
    })
    expect(refused.headers.get('ratelimit')).toMatch(/^"ip";r=0;t=30, "principal";r=100;/)
    expect(b.onIp.mock.calls[0]?.slice(1)).toMatchObject(['ip', { policy: 'ip' }])
    expect(b.onPrincipal).not.toHaveBeenCalled()
    expect(b.ran).not.toHaveBeenCalled()
    // Now it is known here too, and nobody is asked again.
    const asked = meters.charge.mock.calls.length
    const again = await post(b.url, call('x', 8), from('192.0.2.1', 'bob'))
    expect([again.status, again.body.id, b.onIp.mock.calls.length]).toEqual([429, null, 2])
    expect(meters.charge).toHaveBeenCalledTimes(asked)
  })

  it('charge the address for what the principal is refused, so that a flood of it ends at the door', async () => {
    const meters = sharedMeters()
    const { url, onIp, onPrincipal } = await replica(meters, { ip: 5, principal: 2 })
    const seen = await statuses(8, () => post(url, call('x'), from('192.0.2.1')))
    expect(seen).toEqual([200, 200, 429, 429, 429, 429, 429, 429])
    expect([onPrincipal.mock.calls.length, onIp.mock.calls.length]).toEqual([3, 3])
  })

  it.each<[string, (url: string) => Promise<{ status: number }>, number]>([
    ['is not authenticated', (url) => post(url, call('x'), stranger), 401],
    ['has a body that cannot be read', (url) => post(url, 'no JSON-RPC{', from('192.0.2.66')), 400],
    ['is a GET', (url) => get(url, stranger), 401],
  ])('are charged once for a request that %s', async (_name, ask, status) => {
    const meters = sharedMeters()
    const { url } = await replica(meters)
    expect((await ask(url)).status).toBe(status)
    await vi.waitFor(() => expect(meters.charge).toHaveBeenCalledTimes(1))
    await wait(30)
    const keys = meters.charge.mock.calls.map(([charges, first]) => (first ?? charges[0])?.key)
    expect(keys).toEqual(['ip 192.0.2.66'])
  })

  it('are charged for a client that hangs up before its body is there', async () => {
    const meters = sharedMeters()
    const { port } = await replica(meters)
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const auth = as('alice')['x-test-auth']
    socket.write(
      `POST / HTTP/1.1\r\nHost: a\r\nX-Test-Auth: ${auth}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
    )
    await wait(50)
    expect(meters.charge).not.toHaveBeenCalled()
    socket.destroy()
    await vi.waitFor(() => expect(meters.charge).toHaveBeenCalledTimes(1))
    expect(meters.charge.mock.calls[0]?.[0]).toMatchObject([{ key: 'ip 127.0.0.1' }])
  })

  it('that limitByPrincipal does not have are asked apart', async () => {
    const meters = sharedMeters()
    const { url } = await serve((app) => {
      app.use(limitByIp({ meters }), authenticate, jsonBody(), limitByPrincipal())
      app.use((_req, res) => {
        res.json({})
      })
    })
    const answer = await post(url, call('x'), as('alice'))
    expect(answer.headers.get('ratelimit')).toBe('"ip";r=599;t=1, "principal";r=299;t=1')
    await vi.waitFor(() => expect(meters.charge).toHaveBeenCalledTimes(1))
  })

  it('are charged for each limitByIp, when a request passes two', async () => {
    const meters = sharedMeters()
    const { url } = await serve((app) => {
      app.use(limitByIp({ meters, windowMs: 1000 }), limitByIp({ meters, ipv6Prefix: 48 }))
      app.use((_req, res) => {
        res.json({})
      })
    })
    await get(url)
    await vi.waitFor(() => expect(meters.charge).toHaveBeenCalledTimes(2))
  })
})

describe('two replicas', () => {
  it('let an unauthenticated flood overshoot by no more than what is in flight', async () => {
    const meters = sharedMeters(10)
    const limit = 40
    const urls = [await replica(meters, { ip: limit }), await replica(meters, { ip: limit })]
    const IN_FLIGHT = 4
    const seen: number[] = []
    const clients = urls.flatMap(({ url }) =>
      Array.from({ length: IN_FLIGHT }, async () => {
        for (let i = 0; i < 40; i++) {
          seen.push((await post(url, call('x'), stranger)).status)
          // The charge of a request that has ended is in flight for a moment too.
          await wait(12)
        }
      }),
    )
    await Promise.all(clients)
    const passed = seen.filter((status) => status === 401).length
    expect(seen.filter((status) => status === 429)).toHaveLength(seen.length - passed)
    expect(passed).toBeGreaterThanOrEqual(limit)
    // What refills meanwhile is less than one unit a second.
    expect(passed).toBeLessThanOrEqual(limit + 2 * IN_FLIGHT * 2 + 10)
    expect(passed).toBeLessThan(2 * limit)
  })

  it('share the quota of a user and of a tool exactly', async () => {
    const meters = sharedMeters()
    const limits = { principal: 20, search: 8 }
    const [a, b] = [await replica(meters, limits), await replica(meters, limits)]
    const ask = async (name: string) =>
      (
        await Promise.all(
          Array.from({ length: 30 }, (_, i) =>
            post((i % 2 ? a : b).url, call(name), from(`192.0.2.${i}`)),
          ),
        )
      ).filter(({ status }) => status === 200).length
    expect([await ask('search'), await ask('other')]).toEqual([8, 12])
  })
})

describe('meters that are away', () => {
  const secret = 'redis://:hunter2@10.0.0.7:6379 is gone'
  const away = (retryAfterSeconds: unknown = 4): Meters => ({
    shared: true,
    charge: () =>
      Promise.reject(
        Object.assign(new Error(secret), { code: 'ERR_LIMITS_UNAVAILABLE', retryAfterSeconds }),
      ),
  })

  it('make it a 503 that tells nothing of the store', async () => {
    const { url, ran } = await replica(away())
    const answer = await post(url, call('x', 7), from('192.0.2.1'))
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('4')
    expect(answer.body).toEqual({
      jsonrpc: '2.0',
      id: 7,
      error: {
        code: 503,
        message: 'Service Unavailable: limits cannot be checked; retry after 4 s',
        data: { policy: 'limits', retryAfterSeconds: 4, retryable: true },
      },
    })
    expect(ran).not.toHaveBeenCalled()
  })

  it('do so for limitByIp as well, when it must ask', async () => {
    const { url } = await serve((app) => {
      app.use(limitByIp({ meters: { charge: away().charge } }))
    })
    const answer = await get(url)
    expect([answer.status, JSON.stringify(answer.body).includes('hunter2')]).toEqual([503, false])
  })

  it.each([undefined, Number.NaN, -1, 'soon', 1e9])(
    'and say %s when to come back',
    async (told) => {
      const { url } = await replica(away(told))
      const seconds = Number((await post(url, call('x'), from('a'))).headers.get('retry-after'))
      expect(seconds).toBeGreaterThanOrEqual(1)
      expect(seconds).toBeLessThanOrEqual(3600)
    },
  )

  it('reject a charge at the end of a request without harm', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const throwing: Meters = {
      shared: true,
      charge() {
        throw new Error(secret)
      },
    }
    for (const meters of [away(), throwing]) {
      const { url } = await replica(meters, { ip: 2 })
      // This process's own count still holds.
      expect(await statuses(3, () => get(url, stranger))).toEqual([401, 401, 429])
    }
    await wait(20)
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })
})
