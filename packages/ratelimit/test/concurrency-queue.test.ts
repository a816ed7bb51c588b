import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { as, call, type Held, raw, sent, serveHeld, settled } from './held-calls.js'
import { type Answer, closeServers, post } from './serve.js'

afterEach(() => {
  vi.useRealTimers()
  closeServers()
})

/** One slot, and whose calls take it; further calls wait. */
const oneSlot = { limit: 1, perPrincipal: 1, maxQueue: 100, queueTimeoutMs: 30_000 }

async function ask({ url, limit }: Held, id: number | string, principal: string, waiting: number) {
  const answer = post(url, call(id), as(principal)).catch(() => undefined)
  await settled(limit, 1, waiting)
  return { answer: answer as Promise<Answer> }
}

describe('the queue', () => {
  it('lets a call run as soon as a slot is free', async () => {
    const held = await serveHeld(oneSlot)
    const first = await ask(held, 1, 'alice', 0)
    const second = await ask(held, 2, 'bob', 1)
    held.finishOne()
    expect((await first.answer).status).toBe(200)
    await settled(held.limit, 1)
    held.finishOne()
    expect((await second.answer).status).toBe(200)
  })

  it('gives a principal that comes last the turn after the next, not the last one', async () => {
    const held = await serveHeld(oneSlot)
    await ask(held, 'm0', 'mallory', 0)
    for (let i = 1; i <= 20; i++) await ask(held, `m${i}`, 'mallory', i)
    await ask(held, 'alice', 'alice', 21)
    const order: unknown[] = []
    for (let i = 0; i < 4; i++) {
      order.push(held.running[0]?.id)
      held.finishOne()
      await settled(held.limit, 1, 20 - i)
    }
    expect(order).toEqual(['m0', 'm1', 'alice', 'm2'])
  })

  it('refuses what has waited too long: 503 for others’ calls, 429 for one’s own', async () => {
    const held = await serveHeld({ ...oneSlot, queueTimeoutMs: 150 })
    await ask(held, 1, 'alice', 0)
    const started = performance.now()
    const [others, own] = await Promise.all([
      post(held.url, call(2), as('bob')),
      post(held.url, call(3), as('alice')),
    ])
    expect(performance.now() - started).toBeGreaterThan(140)
    expect([others.status, others.body.id, others.body.error?.data.scope]).toEqual([
      503,
      2,
      'process',
    ])
    expect([own.status, own.body.id, own.body.error?.data.scope]).toEqual([429, 3, 'principal'])
    expect(held.running.length).toBe(1)
    await settled(held.limit, 1, 0)
  })

  it('waits no longer than the request itself, and not at all when its time is over', async () => {
    let left: number | undefined = 120
    const held = await serveHeld({ ...oneSlot, remainingMs: () => left })
    await ask(held, 1, 'alice', 0)
    expect((await post(held.url, call(2), as('bob'))).status).toBe(503)
    left = 0
    expect((await post(held.url, call(2), as('bob'))).status).toBe(503)
    left = undefined
    await ask(held, 3, 'bob', 1)
  })

  it('fails a request whose deadline cannot be read, and keeps nothing of it', async () => {
    const remainingMs = () => {
      throw Object.assign(new Error('no'), { code: 'BROKEN' })
    }
    const held = await serveHeld({ ...oneSlot, remainingMs })
    await ask(held, 1, 'alice', 0)
    expect((await post(held.url, call(2), as('bob'))).body.code).toBe('BROKEN')
    await settled(held.limit, 1, 0)
  })

  it('is bounded, and refuses at once when it is full', async () => {
    const held = await serveHeld({ ...oneSlot, maxQueue: 2 })
    await ask(held, 1, 'alice', 0)
    await ask(held, 2, 'bob', 1)
    await ask(held, 3, 'carol', 2)
    expect((await post(held.url, call(4), as('dave'))).status).toBe(503)
  })

  it('keeps a place for others, however many connections one principal opens', async () => {
    const held = await serveHeld({ ...oneSlot, maxQueue: 8 })
    await ask(held, 'm', 'mallory', 0)
    let refused = 0
    for (let i = 0; i < 60; i++) {
      const counted = ({ status }: Answer) => {
        if (status === 429) refused++
      }
      post(held.url, call(i), as('mallory')).then(counted, () => {})
    }
    await vi.waitFor(() => expect(refused).toBe(56), { timeout: 10_000 })
    await settled(held.limit, 1, 4)
    await ask(held, 'alice', 'alice', 5)
    // After at most one more of the flood, though all of it came before.
    held.finishOne()
    await settled(held.limit, 1, 4)
    held.finishOne()
    await settled(held.limit, 1, 3)
    expect(held.running.map(({ id }) => id)).toEqual(['alice'])
  })

  it('forgets a client that goes away, at once', async () => {
    const held = await serveHeld(oneSlot)
    await ask(held, 1, 'alice', 0)
    const gone = await sent(held.port, raw(call(2), as('bob')))
    await settled(held.limit, 1, 1)
    await ask(held, 3, 'carol', 2)
    gone.destroy()
    await settled(held.limit, 1, 1)
    held.finishOne()
    await settled(held.limit, 1, 0)
    expect(held.running.map(({ id }) => id)).toEqual([3])
    expect(held.limit.state().tracked).toBe(1)
  })

  it('starts a call with its own deadline and trace, not with those of the one that ended', async () => {
    const storage = new AsyncLocalStorage<unknown>()
    const seen: [unknown, unknown][] = []
    const held = await serveHeld({ limit: 1, queueTimeoutMs: 30_000, maxQueue: 9 }, [
      (req, _res, next) => {
        storage.run(req.body.id, next)
      },
    ])
    const push = held.running.push.bind(held.running)
    held.running.push = (...items) => {
      for (const { id } of items) seen.push([id, storage.getStore()])
      return push(...items)
    }
    await ask(held, 1, 'alice', 0)
    await ask(held, 2, 'bob', 1)
    await ask(held, 3, 'carol', 2)
    for (const left of [1, 0]) {
      storage.run('the one that ends', held.finishOne)
      await settled(held.limit, 1, left)
    }
    expect(seen).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ])
  })

  it('goes by monotonic time: setting the clock neither ends a wait nor makes it endless', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const held = await serveHeld({ ...oneSlot, queueTimeoutMs: 400 })
    await ask(held, 1, 'alice', 0)
    const waiting = await ask(held, 2, 'bob', 1)
    vi.setSystemTime(Date.now() + 86_400_000)
    await settled(held.limit, 1, 1)
    vi.setSystemTime(Date.now() - 2 * 86_400_000)
    expect((await waiting.answer).status).toBe(503)
  })
})
