import { inspect } from 'node:util'
import { LRUCache } from 'lru-cache'
import { describe, expect, it, vi } from 'vitest'
import { tokenCache } from '../src/token-cache.js'
import { stopClock } from './clock.js'
import { invalid, RESOURCE, startEndpoint, unavailable, valid } from './introspection-server.js'
import { someone } from './serve.js'

describe('a token that was accepted', () => {
  it('is not asked for again within cacheMs, 30 s if nothing else is said', async () => {
    const clock = stopClock()
    const server = await startEndpoint()
    const verify = server.verifier()
    const first = await verify('token')
    clock.advance(30_000)
    expect(await verify('token')).toEqual(first)
    expect(server.questions).toHaveLength(1)
    clock.advance(1)
    await verify('token')
    expect(server.questions).toHaveLength(2)
  })

  it('is asked for each time with cacheMs 0', async () => {
    const server = await startEndpoint()
    const verify = server.verifier({ cacheMs: 0 })
    for (let n = 0; n < 3; n++) await verify('token')
    expect(server.questions).toHaveLength(3)
  })

  it('does not outlive its own expiry, even where the clock was set or the machine slept', async () => {
    const clock = stopClock()
    const server = await startEndpoint(() => valid({ exp: clock.seconds() + 5 }))
    const verify = server.verifier({ cacheMs: 60_000 })
    expect(await verify('token')).toHaveProperty('expiresAt', clock.seconds() + 5)
    server.answer(() => ({ active: false }))
    clock.advance(4_999)
    await verify('token')
    // The wall clock alone moves.
    vi.setSystemTime(Date.now() + 1)
    await expect(verify('token')).rejects.toEqual(invalid('inactive'))

    server.answer(() => valid({ exp: clock.seconds() + 5 }))
    await verify('other')
    server.answer(() => ({ active: false }))
    clock.advance(5_001)
    // It is set back by an hour.
    vi.setSystemTime(Date.now() - 3_600_000)
    await expect(verify('other')).rejects.toEqual(invalid('inactive'))
  })

  it('is each request its own: what one changes in it no other sees', async () => {
    const server = await startEndpoint()
    const verify = server.verifier()
    for (let n = 0; n < 3; n++) {
      const [one, other] = await Promise.all([verify('token'), verify('token')])
      expect(one).toEqual({
        token: '[redacted]',
        clientId: 'alice',
        scopes: ['catalog:read'],
        resource: new URL(RESOURCE),
        extra: { principal: 'alice' },
      })
      expect(one).toEqual(other)
      one.scopes.push('admin')
      Object.assign(one, { clientId: 'admin' })
      Object.assign(one.extra ?? {}, { principal: 'admin', tenant: 'other' })
      if (one.resource) one.resource.pathname = '/other'
    }
    expect(server.questions).toHaveLength(1)
  })
})

describe('a token that was refused', () => {
  it('stays refused for refusedCacheMs without a question, 5 s if nothing else is said', async () => {
    const clock = stopClock()
    const server = await startEndpoint(() => valid({ aud: 'other' }))
    const verify = server.verifier()
    await expect(verify('token')).rejects.toEqual(invalid('audience'))
    server.answer(() => valid())
    clock.advance(5_000)
    await expect(verify('token')).rejects.toEqual(invalid('audience'))
    expect(server.questions).toHaveLength(1)
    clock.advance(1)
    expect(await verify('token')).toMatchObject({ clientId: 'alice' })
  })

  it('is asked for each time with refusedCacheMs 0', async () => {
    const server = await startEndpoint(() => ({ active: false }))
    const verify = server.verifier({ refusedCacheMs: 0 })
    for (let n = 0; n < 3; n++) await expect(verify('token')).rejects.toEqual(invalid('inactive'))
    expect(server.questions).toHaveLength(3)
  })
})

describe('many at once', () => {
  it('with the same token are one question', async () => {
    const server = await startEndpoint()
    const verify = server.verifier({ cacheMs: 0 })
    const infos = await Promise.all(Array.from({ length: 50 }, () => verify('token')))
    expect(server.questions).toHaveLength(1)
    expect(new Set(infos.map(({ scopes }) => scopes)).size).toBe(50)
    server.answer(() => ({ active: false }))
    const refusals = await Promise.allSettled(Array.from({ length: 50 }, () => verify('other')))
    expect(refusals.every(({ status }) => status === 'rejected')).toBe(true)
    expect(server.questions).toHaveLength(2)
  })

  it('with invented tokens are 64 questions on as many connections; the rest is told to come back', async () => {
    const server = await startEndpoint()
    const { held, release } = server.hold(64, { active: false })
    const verify = server.verifier()
    const outcomes = Array.from({ length: 1000 }, (_, n) =>
      verify(`invented${n}`).catch((error) => error),
    )
    await held
    release()
    const errors = await Promise.all(outcomes)
    expect(errors.filter(({ reason }) => reason === 'inactive')).toHaveLength(64)
    expect(errors.slice(64)).toEqual(Array(936).fill(unavailable))
    expect(server.questions).toHaveLength(64)
    expect(server.connections()).toBeLessThanOrEqual(64)
    // The places are free again.
    server.answer(() => valid())
    expect(await verify('real')).toMatchObject({ clientId: 'alice' })
  })

  it('with invented tokens do not keep a known one from its answer', async () => {
    const server = await startEndpoint()
    const verify = server.verifier()
    await verify('known')
    const { held, release } = server.hold(64, { active: false })
    const flood = Array.from({ length: 200 }, (_, n) => verify(`invented${n}`).catch(() => {}))
    await held
    expect(await verify('known')).toMatchObject({ clientId: 'alice' })
    release()
    await Promise.all(flood)
  })
})

describe('what is kept', () => {
  it('is bounded: 100,000 invented tokens push no real one out', () => {
    const set = vi.spyOn(LRUCache.prototype, 'set')
    const cache = tokenCache({ cacheMs: 60_000, refusedCacheMs: 60_000, maxCached: 1_000 })
    for (let n = 0; n < 1_000; n++) cache.accept(`real${n}`, someone({ clientId: `c${n}` }))
    for (let n = 0; n < 100_000; n++) cache.refuse(`invented${n}`, 'inactive')
    for (let n = 0; n < 1_000; n++) expect(cache.find(`real${n}`)?.clientId).toBe(`c${n}`)
    const caches = [...new Set(set.mock.contexts as LRUCache<string, object>[])]
    expect(caches.map(({ size }) => size)).toEqual([1_000, 1_000])
    for (let n = 0; n < 5_000; n++) cache.accept(`more${n}`, someone())
    expect(caches.map(({ size }) => size)).toEqual([1_000, 1_000])
  })

  it('is no token, neither as key nor in what is kept of it', async () => {
    const set = vi.spyOn(LRUCache.prototype, 'set')
    const server = await startEndpoint((token) =>
      token.startsWith('good') ? valid() : { active: false },
    )
    const verify = server.verifier()
    await verify('good-secret-token')
    await verify('bad-secret-token').catch(() => {})
    expect(set).toHaveBeenCalledTimes(2)
    const kept = inspect([set.mock.calls, set.mock.contexts, verify], {
      depth: Number.POSITIVE_INFINITY,
      showHidden: true,
      maxStringLength: null,
      maxArrayLength: null,
    })
    expect(kept).not.toContain('secret-token')
    expect(kept).toContain('catalog:read')
  })
})
