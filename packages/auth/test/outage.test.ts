import type { RequestListener, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { authenticate, jwtTokens, type RemoteKeysOptions, remoteKeys } from '../src/index.js'
import { json, keySet, publisher } from './publisher.js'
import { answer as answerOf, serve } from './serve.js'
import { AUDIENCE, ISSUER, refusal, type Signer, signer, token } from './signing.js'

let key: Signer
let unknown: Signer
beforeAll(async () => {
  key = await signer('ES256', 'key')
  unknown = await signer('ES256', 'unknown')
})
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
})
afterEach(() => vi.useRealTimers())

const MINUTE = 60_000
const HOUR = 60 * MINUTE

async function start(options: RemoteKeysOptions = {}) {
  const server = await publisher(keySet(key))
  const onFailure = vi.fn()
  const url = `${server.origin}/jwks`
  const keys = remoteKeys(url, { ...server.allowed, onFailure, ...options })
  const verify = jwtTokens({ issuer: ISSUER, audience: AUDIENCE, keys })
  const outcome = async (by = key) => refusal(verify(await token(by)))
  return { ...server, url, keys, verify, outcome, onFailure }
}

/** Lets the server answer nobody, so that the test does. */
function hold(answer: (listener: RequestListener) => void): ServerResponse[] {
  const held: ServerResponse[] = []
  answer((_req, res) => held.push(res))
  return held
}

/** Until what goes on in the background has told of its failure that many times. */
async function failures(onFailure: ReturnType<typeof vi.fn>, count: number) {
  await vi.waitFor(() => expect(onFailure).toHaveBeenCalledTimes(count), { timeout: 5000 })
}

describe('while the issuer is away', () => {
  it('the last keys serve on for an hour, then nobody can tell, and it ends by itself', async () => {
    const { outcome, stop, restart, keys, asked, onFailure } = await start()
    expect(await outcome()).toBe('none')
    await stop()
    vi.advanceTimersByTime(10 * MINUTE)
    expect(await outcome()).toBe('none')
    expect(() => keys.check()).toThrow('ECONNREFUSED')
    vi.advanceTimersByTime(50 * MINUTE - 1)
    expect(await outcome()).toBe('none')
    await failures(onFailure, 2)
    vi.advanceTimersByTime(1)
    expect(await outcome()).toBe('unavailable for 30 s')
    expect(() => keys.check()).toThrow('ECONNREFUSED')
    await restart()
    expect(await outcome()).toBe('unavailable for 30 s')
    vi.advanceTimersByTime(30_000)
    expect(await outcome()).toBe('none')
    expect(() => keys.check()).not.toThrow()
    expect(asked).toHaveLength(2)
  })

  it('nobody waits for a server that hangs once that is known', async () => {
    const { outcome, answer, asked, onFailure } = await start()
    expect(await outcome()).toBe('none')
    const held = hold(answer)
    vi.advanceTimersByTime(10 * MINUTE)
    // The one time at which it has to be found out.
    const first = outcome()
    await vi.waitFor(() => expect(held).toHaveLength(1))
    held[0]?.writeHead(500).end()
    expect(await first).toBe('none')
    vi.advanceTimersByTime(30_000)
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => outcome()))
    expect(new Set(outcomes)).toEqual(new Set(['none']))
    await vi.waitFor(() => expect(held).toHaveLength(2))
    expect(asked).toHaveLength(3)
    expect(onFailure).toHaveBeenCalledTimes(1)
  })

  it('the pause counts from the end of an attempt, however long that took', async () => {
    const { outcome, answer, asked } = await start()
    const held = hold(answer)
    const first = outcome()
    await vi.waitFor(() => expect(held).toHaveLength(1))
    vi.advanceTimersByTime(29_000)
    held[0]?.writeHead(500).end()
    expect(await first).toBe('unavailable for 30 s')
    vi.advanceTimersByTime(29_000)
    expect(await outcome()).toBe('unavailable for 1 s')
    expect(asked).toHaveLength(1)
  })

  it('it is not asked by every request, neither with keys nor without', async () => {
    const { outcome, answer, asked, onFailure } = await start()
    answer((_req, res) => res.destroy())
    const first = await Promise.all(Array.from({ length: 100 }, () => outcome()))
    expect(new Set(first)).toEqual(new Set(['unavailable for 30 s']))
    expect(asked).toHaveLength(1)
    vi.advanceTimersByTime(12_300)
    for (let i = 0; i < 100; i++) expect(await outcome()).toBe('unavailable for 18 s')
    expect(asked).toHaveLength(1)
    expect(onFailure).toHaveBeenCalledTimes(1)
    answer(keySet(key))
    vi.advanceTimersByTime(17_700)
    expect(await outcome()).toBe('none')
    answer(json({}, 500))
    vi.advanceTimersByTime(20 * MINUTE)
    for (let i = 0; i < 100; i++) expect(await outcome()).toBe('none')
    expect(asked).toHaveLength(3)
  })

  it('a key that is not known may be a new one: nobody can tell', async () => {
    const { outcome, stop, restart, answer, asked } = await start()
    expect(await outcome()).toBe('none')
    expect(await outcome(unknown)).toBe('key')
    await stop()
    vi.advanceTimersByTime(30_000)
    expect(await outcome(unknown)).toBe('unavailable for 30 s')
    vi.advanceTimersByTime(10_000)
    expect(await outcome(unknown)).toBe('unavailable for 20 s')
    // The known ones are not affected.
    expect(await outcome()).toBe('none')
    answer(keySet(key, unknown))
    await restart()
    vi.advanceTimersByTime(20_000)
    expect(await outcome(unknown)).toBe('none')
    expect(asked).toHaveLength(2)
  })

  it('a failure that an invented key caused is mended by the next good token', async () => {
    const { outcome, keys, answer } = await start()
    expect(await outcome()).toBe('none')
    answer(json({}, 500))
    vi.advanceTimersByTime(30_000)
    expect(await outcome(unknown)).toBe('unavailable for 30 s')
    expect(() => keys.check()).toThrow('answered 500, not a JWK set')
    answer(keySet(key))
    vi.advanceTimersByTime(30_000)
    expect(await outcome()).toBe('none')
    await vi.waitFor(() => expect(() => keys.check()).not.toThrow())
  })

  it('authenticate answers 503 with Retry-After and no challenge', async () => {
    const { verify, stop } = await start()
    await stop()
    const { url } = await serve((app) => app.get('/mcp', authenticate(verify)))
    const headers = { authorization: `Bearer ${await token(key)}` }
    const response = await fetch(url, { headers })
    expect(response.headers.get('retry-after')).toBe('30')
    expect(await answerOf(response)).toMatchObject({ status: 503, challenge: null })
  })

  it('the first request to find out does not hold up those that come after its answer', async () => {
    const { outcome, stop } = await start({ staleMs: 2 * HOUR, freshMs: HOUR })
    expect(await outcome()).toBe('none')
    await stop()
    vi.advanceTimersByTime(2 * HOUR - 1)
    expect(await Promise.all([outcome(), outcome(), outcome()])).toEqual(['none', 'none', 'none'])
    vi.advanceTimersByTime(1)
    expect(await outcome()).toBe('unavailable for 30 s')
  })
})

describe('who watches', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('the log is full')
      },
    ],
    ['rejects', async () => Promise.reject(new Error('the log is full'))],
  ])('does no harm when it %s', async (_case, onFailure) => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const { outcome, stop, restart } = await start({ onFailure })
    await stop()
    expect(await outcome()).toBe('unavailable for 30 s')
    await restart()
    vi.advanceTimersByTime(30_000)
    expect(await outcome()).toBe('none')
    await delay(0)
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('is told what is wrong, and nothing of the query', async () => {
    const server = await publisher(json({ error: 'gone' }, 404))
    const onFailure = vi.fn()
    const keys = remoteKeys(`${server.origin}/jwks?key=secret`, { ...server.allowed, onFailure })
    const message = `@mcp-prod/auth: ${server.origin}/jwks answered 404, not a JWK set`
    const cause = expect.objectContaining({ message })
    const failed = expect.objectContaining({ code: 'ERR_AUTH_UNAVAILABLE', cause })
    await expect(keys.keysFor({ alg: 'ES256' })).rejects.toEqual(failed)
    expect(onFailure.mock.calls).toEqual([[cause]])
  })
})

describe('an answer that is no JWK set', () => {
  const padding = JSON.stringify({ keys: [], padding: 'x'.repeat(300_000) })
  it.each<[string, string | Buffer, Record<string, string>, string]>([
    ['no JSON', '<html>', {}, 'answered 200, not a JWK set'],
    ['nothing', '', {}, 'answered 200, not a JWK set'],
    ['null', 'null', {}, 'answered 200, not a JWK set'],
    ['a list', '[]', {}, 'answered 200, not a JWK set'],
    ['an object', '{}', {}, 'answered 200, not a JWK set'],
    ['keys that are none', '{"keys":[1]}', {}, 'answered 200, not a JWK set'],
    ['keys in depth', `{"keys":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, {}, 'not a JWK set'],
    ['too much', padding, {}, 'more than 262144 bytes'],
    ['compressed', 'x', { 'content-encoding': 'gzip' }, 'its answer is compressed'],
    ['compressed otherwise', 'x', { 'content-encoding': 'identity, br' }, 'is compressed'],
  ])('counts as none: %s', async (_case, body, headers, message) => {
    const { outcome, answer, keys } = await start()
    expect(await outcome()).toBe('none')
    answer((_req, res) => res.writeHead(200, headers).end(body))
    vi.advanceTimersByTime(10 * MINUTE)
    // The good ones serve on.
    expect(await outcome()).toBe('none')
    expect(() => keys.check()).toThrow(message)
  })

  it.each([301, 302, 303, 307, 308])(
    'counts as none: a redirect %i, not followed',
    async (status) => {
      const other = await publisher(keySet(key))
      const { outcome, answer, keys } = await start({ privateHosts: ['127.0.0.1'] })
      answer((_req, res) => res.writeHead(status, { location: `${other.origin}/jwks` }).end())
      expect(await outcome()).toBe('unavailable for 30 s')
      expect(() => keys.check()).toThrow(`answered ${status}`)
      expect(other.asked).toEqual([])
    },
  )
})
