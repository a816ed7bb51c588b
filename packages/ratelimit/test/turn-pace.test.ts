import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { jsonBody } from '@mcp-prod/rpc'
import type { RequestHandler } from 'express'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type LimitConcurrencyOptions, limitConcurrency } from '../src/index.js'
import { turnPace } from '../src/turn-pace.js'
import { as, authenticate, call, raw, sent, serveHeld, settled } from './held-calls.js'
import { closeServers, post, serve } from './serve.js'

afterEach(closeServers)

const BURN_MS = 5

function burn(): void {
  const end = performance.now() + BURN_MS
  while (performance.now() < end);
}

/** A server whose calls keep the event loop busy, after promises that are settled at once. */
async function serveBusy(options: LimitConcurrencyOptions) {
  const limit = limitConcurrency({ limit: 1000, perPrincipal: 1000, ...options })
  const begun: unknown[] = []
  const { url, port } = await serve((app) => {
    app.use(authenticate, jsonBody(), limit.middleware)
    app.use(async (req, res) => {
      for (let i = 0; i < 5; i++) await Promise.resolve()
      begun.push(req.body.id)
      burn()
      res.json({ done: true })
    })
  })
  return { limit, begun, url, port }
}

const flood = (port: number, who: string, calls = 100, sockets = 20) =>
  Promise.all(
    Array.from({ length: sockets }, () =>
      sent(port, raw(call(who), as(who)).repeat(calls / sockets)),
    ),
  )

/** The longest time in which the event loop did nothing else, until `isOver`. */
async function longestTurn(isOver: () => boolean): Promise<number> {
  let longest = 0
  for (let last = performance.now(); !isOver(); ) {
    await new Promise(setImmediate)
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }
  return longest
}

describe('the pace', () => {
  it('lets who calls alone begin amid a flood that came before', async () => {
    const { begun, port } = await serveBusy({ queueTimeoutMs: 60_000 })
    await flood(port, 'mallory')
    await flood(port, 'alice', 1, 1)
    await vi.waitFor(() => expect(begun.length).toBe(101), { timeout: 20_000 })
    expect(begun.indexOf('alice')).toBeLessThan(50)
  })

  it('leaves turns to others, such as probes, however much has come at once', async () => {
    const { begun, port } = await serveBusy({ queueTimeoutMs: 60_000 })
    await flood(port, 'mallory')
    const began = performance.now()
    const longest = await longestTurn(() => begun.length === 100)
    // Without a pace it is nearly all of it.
    expect(longest).toBeLessThan((performance.now() - began) / 2)
    expect(begun.length).toBe(100)
  })

  it('refuses no burst, though its last call waits longer than `maxDelayMs`', async () => {
    const { url, begun } = await serveBusy({ maxDelayMs: 20, queueTimeoutMs: 20_000 })
    const all = await Promise.all(
      Array.from({ length: 60 }, (_, i) => post(url, call(i), as('alice'))),
    )
    expect(all.map(({ status }) => status)).toEqual(Array(60).fill(200))
    expect(begun.length).toBe(60)
  })

  it('refuses what waits longer than `maxDelayMs` when it lasts: 429 to who floods, and nobody else', async () => {
    const onLimited = vi.fn()
    const options = { maxDelayMs: 30, queueTimeoutMs: 1000, refusalDelayMs: 0, onLimited }
    const { url, limit } = await serveBusy(options)
    const end = performance.now() + 4000
    const flooding = Array.from({ length: 60 }, async () => {
      const seen = []
      while (performance.now() < end) seen.push(await post(url, call(), as('mallory')))
      return seen
    })
    await wait(1500)
    const alices = []
    while (performance.now() < end - 200) alices.push(await post(url, call('a'), as('alice')))
    const refused = (await Promise.all(flooding)).flat().filter(({ status }) => status !== 200)

    expect(new Set(alices.map(({ status }) => status))).toEqual(new Set([200]))
    expect(refused.length).toBeGreaterThan(10)
    // The first few cannot be told for a flood.
    expect(refused.filter(({ status }) => status !== 429).length).toBeLessThan(refused.length / 10)
    expect(refused.find(({ status }) => status === 429)?.body.error).toEqual({
      code: 429,
      message: expect.stringMatching(
        /^Too Many Requests: the server is busy with calls of yours; retry after \d s$/,
      ),
      data: {
        policy: 'concurrency',
        scope: 'principal',
        asked: 1,
        retryAfterSeconds: expect.any(Number),
        retryable: true,
      },
    })
    expect(onLimited).toHaveBeenCalledTimes(refused.length)
    await settled(limit, 0)
    expect(limit.state().tracked).toBe(0)
  }, 30_000)

  it('says 503, as it is nobody’s own doing, when everybody waits for everybody', async () => {
    const onLimited = vi.fn()
    const { port, begun } = await serveBusy({ maxDelayMs: 10, queueTimeoutMs: 10, onLimited })
    const everybody = Array.from({ length: 120 }, (_, i) => raw(call(i), as(`caller ${i % 60}`)))
    await sent(port, everybody.join(''))
    const ended = () => expect(onLimited.mock.calls.length + begun.length).toBe(120)
    await vi.waitFor(ended, { timeout: 20_000 })
    const last = onLimited.mock.lastCall?.[2]
    expect(last).toMatchObject({ policy: 'concurrency', scope: 'process', asked: 1 })
    expect(last).not.toHaveProperty('limit')
  })

  it('takes a slot of who left while waiting back, and never begins its call', async () => {
    const { begun, port, limit } = await serveBusy({})
    const sockets = await flood(port, 'mallory', 200)
    await vi.waitFor(() => expect(begun.length).toBeGreaterThan(0))
    for (const socket of sockets) socket.destroy()
    // What a socket had sent may be read after it has gone.
    await wait(300)
    await settled(limit, 0)
    expect(begun.length).toBeLessThan(200)
    expect(limit.state().tracked).toBe(0)
  })
})

describe('a refusal for calls of one’s own', () => {
  const options = { limit: 2, perPrincipal: 1, maxQueue: 0, refusalDelayMs: 800 }

  async function refusedAfter(url: string, who: string) {
    const began = performance.now()
    const { status } = await post(url, call(), as(who))
    return { status, ms: performance.now() - began }
  }

  it('comes late; that for others’ calls at once', async () => {
    const { limit, url } = await serveHeld(options)
    void post(url, call(), as('mallory')).catch(() => {})
    await settled(limit, 1)
    const own = await refusedAfter(url, 'mallory')
    expect(own.status).toBe(429)
    expect(own.ms).toBeGreaterThan(390)
    void post(url, call(), as('bob')).catch(() => {})
    await settled(limit, 2)
    const others = await refusedAfter(url, 'alice')
    expect(others.status).toBe(503)
    expect(others.ms).toBeLessThan(390)
  })

  it('is kept waiting no more than `limit` times at once', async () => {
    const late = { ...options, refusalDelayMs: 10_000 }
    const { limit, url, port } = await serveHeld(late)
    void post(url, call(), as('mallory')).catch(() => {})
    await settled(limit, 1)
    const held = [
      await sent(port, raw(call(), as('mallory'))),
      await sent(port, raw(call(), as('mallory'))),
    ]
    await wait(100)
    expect((await post(url, call(), as('mallory'))).status).toBe(429)
    // Who leaves makes room again.
    for (const socket of held) socket.destroy()
    await wait(100)
    const third = await sent(port, raw(call(), as('mallory')))
    const heard = vi.fn()
    third.on('data', heard)
    await wait(300)
    expect(heard).not.toHaveBeenCalled()
  })
})

describe('the pace in the end', () => {
  const claim = (principal: string) => ({
    principal,
    principalCap: 1000,
    calls: 1,
    tools: new Map(),
  })
  const pacing = { maxTurnMs: 10, burstDelayMs: 5_000, maxDelayMs: 200 }

  it('begins all that wait when the process is idle again, though no call ends', async () => {
    const pace = turnPace(pacing)
    const refuse = vi.fn()
    for (let i = 0; i < 20; i++) pace.begin(claim('a'), () => {}, refuse)
    burn()
    burn()
    burn()
    let begun = 0
    for (let i = 0; i < 40; i++) pace.begin(claim('b'), () => begun++, refuse)
    for (let i = 0; i < 20; i++) burn()
    await vi.waitFor(() => expect(begun).toBe(40), { timeout: 4_000 })
    expect(refuse).not.toHaveBeenCalled()
  })

  it('holds nobody longer than the request’s own deadline', async () => {
    const { limit, url } = await serveHeld({ limit: 2, perPrincipal: 1, remainingMs: () => 50 })
    void post(url, call(), as('mallory')).catch(() => {})
    void post(url, call(), as('bob')).catch(() => {})
    await settled(limit, 2)
    const began = performance.now()
    expect((await post(url, call(), as('alice'))).status).toBe(503)
    expect(performance.now() - began).toBeLessThan(900)
  })

  it('tells of the refusal of a client that did not stay for it, and in its name', async () => {
    const asking = new AsyncLocalStorage<unknown>()
    const onLimited = vi.fn((req) => expect(asking.getStore()).toBe(req.body.id))
    const options = { limit: 2, perPrincipal: 1, maxQueue: 0, onLimited }
    const named: RequestHandler = (req, _res, next) => asking.run(req.body.id, next)
    const { limit, url, port } = await serveHeld(options, [named])
    void post(url, call(), as('mallory')).catch(() => {})
    await settled(limit, 1)
    const impatient = await sent(port, raw(call('impatient'), as('mallory')))
    await wait(100)
    expect(onLimited).not.toHaveBeenCalled()
    impatient.destroy()
    await vi.waitFor(() => expect(onLimited).toHaveBeenCalledTimes(1))
    expect(onLimited.mock.results[0]?.type).toBe('return')
  })
})
