/** Who gets how many streams, and for how long one may say nothing. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { networkOf } from '../src/caller-key.js'
import type { StreamsDetails } from '../src/index.js'
import { listen, listenCall, messagesOf, pipeline, serveStreams } from './listening.js'
import { connect } from './support.js'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const alice = { 'x-principal': 'alice' }
const bob = { 'x-principal': 'bob' }

/** Statuses of so many streams that are asked for at once, each on a connection of its own. */
async function statuses(url: URL, count: number, caller: Record<string, string>) {
  const streams = await Promise.all(Array.from({ length: count }, () => listen(url, caller)))
  return streams.map(({ status }) => status).sort()
}

describe('a stream that opens', () => {
  it('is told once, and none that is refused', async () => {
    const onOpened = vi.fn((_req: unknown): never => {
      throw new Error('of whoever watches')
    })
    const { url, mcp } = await serveStreams({ maxSubscriptionsPerPrincipal: 1, onOpened })
    expect((await listen(url, alice)).status).toBe(200)
    await expect.poll(() => onOpened.mock.calls.length).toBe(1)
    expect(onOpened.mock.calls[0]?.[0]).toMatchObject({ headers: alice })
    mcp.notify.toolsChanged()
    expect((await listen(url, alice)).status).toBe(429)
    const { body, headers } = listenCall()
    const confused = { body, headers: { ...headers, 'mcp-method': 'tools/list' } }
    expect((await listen(url, bob, confused)).status).toBe(400)
    expect(onOpened).toHaveBeenCalledTimes(1)
  })
})

describe('a refusal', () => {
  it('says in numbers what there is, to the client and to onLimited alike', async () => {
    const onLimited = vi.fn((_req: unknown, _layer: string, _details: StreamsDetails) => {})
    const { url } = await serveStreams({
      maxSubscriptions: 3,
      maxSubscriptionsPerPrincipal: 2,
      onLimited,
    })
    expect(await statuses(url, 2, alice)).toEqual([200, 200])
    const own = await listen(url, alice, listenCall('third'))
    expect((await listen(url, bob)).status).toBe(200)
    const all = await listen(url, { 'x-principal': 'carol' }, listenCall(9))
    const common = { policy: 'streams', retryAfterSeconds: 30, retryable: true }
    const details = [
      { ...common, scope: 'principal', limit: 2 },
      { ...common, scope: 'process', limit: 3 },
    ]
    expect(JSON.parse(await own.ended)).toEqual({
      jsonrpc: '2.0',
      id: 'third',
      error: { code: 429, message: expect.stringContaining('2 streams'), data: details[0] },
    })
    expect(JSON.parse(await all.ended)).toMatchObject({
      id: 9,
      error: { code: 503, data: details[1] },
    })
    expect([own, all].map(({ headers }) => headers.get('retry-after'))).toEqual(['30', '30'])
    expect(onLimited.mock.calls.map(([, ...told]) => told)).toEqual(
      details.map((each) => ['streams', each]),
    )
  })

  it('of a caller leaves the others theirs, from however many connections it comes', async () => {
    const { url, mcp } = await serveStreams({ maxSubscriptions: 30 })
    const asked = await statuses(url, 40, alice)
    expect(asked.filter((status) => status === 200)).toHaveLength(15)
    expect(asked.filter((status) => status === 429)).toHaveLength(25)
    expect(await statuses(url, 15, bob)).toEqual(new Array(15).fill(200))
    expect(mcp.subscriptions).toEqual({ open: 30, limit: 30 })
  })

  it.each([
    [1, 1],
    [2, 1],
    [5, 3],
    [31, 16],
    [1000, 16],
  ])(
    'of %s streams comes to one caller after %s, unless it is told otherwise',
    async (most, share) => {
      const { url } = await serveStreams({ maxSubscriptions: most })
      const asked = await statuses(url, share + 1, alice)
      expect(asked.slice(0, share)).toEqual(new Array(share).fill(200))
      expect(asked[share]).toBe(429)
    },
  )
})

describe('a caller is', () => {
  const from = (address: string) => ({ 'x-forwarded-for': address })
  const one = { maxSubscriptionsPerPrincipal: 1 }

  it('who principalOf says, else its address', async () => {
    const principalOf = ({ headers }: { headers: Record<string, unknown> }) => {
      if (headers['x-team'] === 'broken') throw new Error('principalOf failed')
      return headers['x-team'] as string | undefined
    }
    const { url, mcp } = await serveStreams({ ...one, principalOf })
    expect((await listen(url, { ...alice, 'x-team': 'red' })).status).toBe(200)
    expect((await listen(url, { ...bob, 'x-team': 'red' })).status).toBe(429)
    expect((await listen(url, { ...alice, 'x-team': 'blue' })).status).toBe(200)
    expect((await listen(url, { ...alice, 'x-team': '' })).status).toBe(200)
    expect((await listen(url, bob)).status).toBe(429)
    expect((await listen(url, { 'x-team': 'broken' })).status).toBe(500)
    expect(mcp.subscriptions.open).toBe(3)
  })

  it('another in each tenant, and in none, whatever it is called', async () => {
    const { url, mcp } = await serveStreams(one)
    const callers: Record<string, string>[] = [
      alice,
      { ...alice, 'x-tenant': 'acme' },
      { ...alice, 'x-tenant': 'other' },
      { 'x-client': 'alice', 'x-tenant': 'acme' },
      { 'x-principal': 'tenant principal ["acme","alice"]' },
      { 'x-principal': '["acme","alice"]' },
      { 'x-principal': '","alice', 'x-tenant': 'acme' },
    ]
    for (const caller of callers) expect((await listen(url, caller)).status).toBe(200)
    for (const caller of callers) expect((await listen(url, caller)).status).toBe(429)
    expect(mcp.subscriptions.open).toBe(callers.length)
  })

  it('who principalOf says, in its tenant', async () => {
    const { url } = await serveStreams({ ...one, principalOf: () => 'team' })
    expect((await listen(url, { ...alice, 'x-tenant': 'acme' })).status).toBe(200)
    expect((await listen(url, { ...bob, 'x-tenant': 'acme' })).status).toBe(429)
    expect((await listen(url, { ...alice, 'x-tenant': 'other' })).status).toBe(200)
  })

  it('without authentication its address, of IPv6 its network, behind a proxy that is trusted', async () => {
    const { url } = await serveStreams(one, { trustProxy: 1 })
    for (const address of ['192.0.2.7', '192.0.2.8', '2001:db8:1:200::1', '2001:db8:1:300::1', 'x'])
      expect((await listen(url, from(address))).status).toBe(200)
    for (const address of [
      '192.0.2.7',
      '::ffff:192.0.2.7',
      '::ffff:c000:0208',
      '2001:db8:1:2ff:ffff::',
      '2001:0DB8:0001:0301::9',
      'y',
      // The nearest proxy writes the last one; what is in front of it came from the client.
      '203.0.113.5, 192.0.2.7',
    ])
      expect((await listen(url, from(address))).status).toBe(429)
    // A name is none of these.
    expect((await listen(url, { 'x-principal': 'address 192.0.2.7' })).status).toBe(200)
  })

  it('the connection’s address where every proxy is trusted, or none, since anybody could write another', async () => {
    for (const trustProxy of [true, false]) {
      const { url } = await serveStreams(one, { trustProxy })
      expect((await listen(url, from('192.0.2.7'))).status).toBe(200)
      expect((await listen(url, from('192.0.2.8'))).status).toBe(429)
    }
  })

  it.each([
    ['198.51.100.1', '198.51.100.1'],
    ['::ffff:198.51.100.1', '198.51.100.1'],
    ['::FFFF:c633:6401', '198.51.100.1'],
    ['::', '0:0:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['2001:db8:0:1ff::', '2001:db8:0:100'],
    ['2001:db8:0:1ab:2:3:4:5', '2001:db8:0:100'],
    ['1:2:3:4:5:6:7::', '1:2:3:0'],
    ['198.51.100.1:80', 'unknown'],
    ['[::1]', 'unknown'],
    ['', 'unknown'],
    ['__proto__', 'unknown'],
  ])('of the address %s counted as %s', (address, network) => {
    expect(networkOf(address)).toBe(network)
  })
})

describe('a place is given back once', () => {
  it('however fast clients come and go', async () => {
    const { url, mcp, bus } = await serveStreams({ maxSubscriptionsPerPrincipal: 8 })
    let most = 0
    for (let round = 0; round < 12; round++) {
      const attempts = Array.from({ length: 20 }, async (_, i) => {
        const socket = await pipeline(url, [1, 2])
        if (i % 2 === 0) await once(socket.resume(), 'data')
        most = Math.max(most, mcp.subscriptions.open)
        if (i % 3 === 0) socket.resetAndDestroy()
        else socket.destroy()
      })
      await Promise.all(attempts)
    }
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(8)
    await vi.waitFor(() => expect(mcp.subscriptions.open).toBe(0), 10_000)
    expect(bus.listenerCount).toBe(0)
    const asked = await statuses(url, 12, alice)
    expect(asked).toEqual([...new Array(8).fill(200), ...new Array(4).fill(429)])
  })

  it('by a drain that all reasons to end come on top of', async () => {
    const { url, mcp } = await serveStreams({ maxSubscriptionMs: 400, maxSubscriptionIdleMs: 300 })
    const streams = await Promise.all(Array.from({ length: 8 }, () => listen(url, alice)))
    await sleep(250)
    for (const { hangUp } of streams.slice(0, 4)) hangUp()
    await Promise.all([mcp.close(), mcp.close()])
    await Promise.all(streams.slice(4).map(({ ended }) => ended))
    await sleep(250)
    expect(mcp.subscriptions.open).toBe(0)
    expect((await listen(url, alice)).status).toBe(503)
  })
})

describe('a stream that may be idle for so long', () => {
  it('is completed when it had nothing but keep-alives', async () => {
    const { url, mcp } = await serveStreams({ keepAliveMs: 50, maxSubscriptionIdleMs: 400 })
    const stream = await listen(url, alice, listenCall('mine'))
    const text = await stream.ended
    expect(text.split(': keepalive').length).toBeGreaterThan(2)
    expect(messagesOf(text).at(-1)).toMatchObject({
      id: 'mine',
      result: { resultType: 'complete' },
    })
    await vi.waitFor(() => expect(mcp.subscriptions.open).toBe(0))
  })

  it('goes on while there is something to say, and then ends', async () => {
    const { url, mcp } = await serveStreams({ maxSubscriptionIdleMs: 1_000 })
    const stream = await listen(url, alice)
    const begun = performance.now()
    while (performance.now() - begun < 2_000) {
      mcp.notify.toolsChanged()
      await sleep(100)
    }
    expect(mcp.subscriptions.open).toBe(1)
    expect(messagesOf(await stream.ended).at(-1)).toMatchObject({
      result: { resultType: 'complete' },
    })
  })

  it('is not kept by what it did not ask for', async () => {
    const { url, bus } = await serveStreams({ maxSubscriptionIdleMs: 500 })
    const stream = await listen(url, alice)
    let over = false
    const ended = stream.ended.finally(() => {
      over = true
    })
    const begun = performance.now()
    while (!over) {
      bus.publish({ kind: 'prompts_list_changed' })
      await sleep(20)
    }
    expect(performance.now() - begun).toBeGreaterThan(400)
    expect(messagesOf(await ended)).toHaveLength(2)
  })

  it('ends so for the SDK’s client', async () => {
    const { url } = await serveStreams({ keepAliveMs: 20, maxSubscriptionIdleMs: 200 })
    const client = await connect(url, 'auto', alice)
    const subscription = await client.listen({ toolsListChanged: true })
    expect(await subscription.closed).toBe('graceful')
    const again = await client.listen({ toolsListChanged: true })
    await again.close()
  })

  it('is idle too when its client takes nothing, and is cut', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { url, bus, mcp } = await serveStreams({ maxSubscriptionIdleMs: 60_000 })
    const socket = await pipeline(url, [1])
    await vi.waitFor(() => expect(bus.listenerCount).toBe(1))
    const params = { filling: 'x'.repeat(1024 * 1024) }
    for (let i = 0; i < 32; i++) bus.publish({ kind: 'tools_list_changed', params })
    await fetch(url)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(bus.listenerCount).toBe(0)
    expect(mcp.subscriptions.open).toBe(1)
    const closed = once(socket, 'close')
    socket.on('error', () => {})
    await vi.advanceTimersByTimeAsync(5_000)
    socket.resume()
    await closed
    await vi.waitFor(() => expect(mcp.subscriptions.open).toBe(0))
  })

  it('leaves no timer, and keeps no process alive', async () => {
    const set = vi.spyOn(globalThis, 'setTimeout')
    const clear = vi.spyOn(globalThis, 'clearTimeout')
    const { url } = await serveStreams({ maxSubscriptionIdleMs: 876_543 })
    const stream = await listen(url)
    const index = set.mock.calls.findIndex(([, ms]) => ms === 876_543)
    const timer = set.mock.results[index]?.value as NodeJS.Timeout
    expect(timer.hasRef()).toBe(false)
    stream.hangUp()
    await vi.waitFor(() => expect(clear).toHaveBeenCalledWith(timer))
  })
})
