import { generateKeyPairSync } from 'node:crypto'
import { exportJWK, type JWK } from 'jose'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { jwtTokens, type RemoteKeysOptions, remoteKeys } from '../src/index.js'
import { json, keySet, publisher } from './publisher.js'
import { AUDIENCE, ISSUER, refusal, type Signer, signer, token } from './signing.js'

let first: Signer
let second: Signer
let stranger: Signer
beforeAll(async () => {
  first = await signer('ES256', 'first')
  second = await signer('ES256', 'second')
  stranger = await signer('ES256', 'stranger')
})
// The age of keys; the network keeps its own time.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
})
afterEach(() => vi.useRealTimers())

async function start(options: RemoteKeysOptions = {}) {
  const server = await publisher(keySet(first))
  const keys = remoteKeys(`${server.origin}/jwks`, { ...server.allowed, ...options })
  const verify = jwtTokens({ issuer: ISSUER, audience: AUDIENCE, keys })
  const outcome = async (by: Signer, header: Record<string, unknown> = {}) =>
    refusal(verify(await token(by, {}, header)))
  return { ...server, keys, verify, outcome }
}

describe('keys at a URL', () => {
  it('are fetched with the first token and kept', async () => {
    const { outcome, asked, keys } = await start()
    expect(asked).toEqual([])
    for (let i = 0; i < 5; i++) expect(await outcome(first)).toBe('none')
    expect(asked).toEqual(['/jwks'])
    expect(() => keys.check()).not.toThrow()
  })

  it('are fetched once, however many wait', async () => {
    const { outcome, asked } = await start()
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => outcome(first)))
    expect(new Set(outcomes)).toEqual(new Set(['none']))
    expect(asked).toHaveLength(1)
  })

  it('may be at a URL with a query, as those of some servers are', async () => {
    const server = await publisher(keySet(first))
    const keys = remoteKeys(`${server.origin}/keys?p=b2c_1`, server.allowed)
    expect(await keys.keysFor({ alg: 'ES256', kid: 'first' })).toHaveLength(1)
    expect(server.asked).toEqual(['/keys?p=b2c_1'])
  })

  it('that are new are found at once', async () => {
    const { outcome, asked, answer } = await start()
    expect(await outcome(first)).toBe('none')
    vi.advanceTimersByTime(30_000)
    answer(keySet(first, second))
    expect(await outcome(second)).toBe('none')
    expect(await outcome(first)).toBe('none')
    expect(asked).toHaveLength(2)
  })

  it('that are new are found also by who comes while they are being fetched', async () => {
    const { outcome, asked, answer } = await start()
    expect(await outcome(first)).toBe('none')
    vi.advanceTimersByTime(30_000)
    let release = () => {}
    answer((req, res) => {
      release = () => keySet(first, second)(req, res)
    })
    const invented = outcome(stranger)
    await vi.waitFor(() => expect(asked).toHaveLength(2))
    const [young, old] = [outcome(second), await outcome(first)]
    release()
    expect([await invented, await young, old]).toEqual(['key', 'none', 'none'])
    expect(asked).toHaveLength(2)
  })

  it('that were taken back count no longer once the set is not fresh', async () => {
    const { outcome, answer } = await start()
    expect(await outcome(first)).toBe('none')
    answer(keySet(second))
    vi.advanceTimersByTime(479_999)
    expect(await outcome(first)).toBe('none')
    vi.advanceTimersByTime(120_001)
    expect(await outcome(first)).toBe('key')
    expect(await outcome(second)).toBe('none')
  })

  it('are renewed before their time is up, and nobody waits for it', async () => {
    const { outcome, asked, answer } = await start()
    expect(await outcome(first)).toBe('none')
    vi.advanceTimersByTime(480_000)
    const arrived = new Promise<void>((resolve) => {
      // Never answered.
      answer(() => resolve())
    })
    expect(await outcome(first)).toBe('none')
    await arrived
    for (let i = 0; i < 10; i++) expect(await outcome(first)).toBe('none')
    expect(asked).toHaveLength(2)
  })

  it('that nobody knows cost one fetch, however many are invented, and the others are served', async () => {
    const { outcome, asked } = await start()
    expect(await outcome(first)).toBe('none')
    vi.advanceTimersByTime(30_000)
    const flood = Array.from({ length: 1_000 }, (_, index) =>
      index === 500 ? outcome(first) : outcome(stranger, { kid: `invented-${index}` }),
    )
    const outcomes = await Promise.all(flood)
    expect(outcomes[500]).toBe('none')
    expect(outcomes.filter((each) => each === 'key')).toHaveLength(999)
    expect(asked).toHaveLength(2)
    vi.advanceTimersByTime(29_999)
    expect(await outcome(stranger)).toBe('key')
    expect(asked).toHaveLength(2)
    vi.advanceTimersByTime(1)
    expect(await outcome(stranger)).toBe('key')
    expect(asked).toHaveLength(3)
  })

  it('that nobody knows cost one fetch also where none has been fetched yet', async () => {
    const { outcome, asked } = await start()
    const flood = Array.from({ length: 1_000 }, (_, index) =>
      index === 500 ? outcome(first) : outcome(stranger, { kid: `invented-${index}` }),
    )
    expect((await Promise.all(flood)).filter((each) => each === 'none')).toHaveLength(1)
    expect(asked).toHaveLength(1)
  })
})

describe('a set of keys', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 512 })
  const broken: JWK[] = [
    { kty: 'EC', crv: 'P-256', kid: 'broken', x: 'AA', y: 'AA' },
    { kty: 'EC', crv: 'P-999', kid: 'broken' },
    { kty: 'RSA', kid: 'broken', e: 'AQAB' },
    { kid: 'broken' } as JWK,
    { kty: 'none', kid: 'broken' },
  ]

  it.each(broken)('is not spoilt by a broken key: %j', async (jwk) => {
    const { outcome, answer } = await start()
    const other = await signer('RS256', 'rsa')
    answer(keySet({ jwk }, first, other))
    for (const good of [first, other]) {
      expect(await outcome(good)).toBe('none')
      expect(await outcome(good, { kid: undefined })).toBe('none')
    }
    // That the issuer cannot be understood is no fault of the token's.
    const alg = jwk.kty === 'RSA' ? 'RS256' : 'ES256'
    const isFound = jwk.crv === 'P-256' || jwk.kty === 'RSA'
    const named = outcome(alg === 'RS256' ? other : first, { kid: 'broken' })
    expect(await named).toBe(isFound ? 'unavailable for 60 s' : 'key')
  })

  it('has no use for weak RSA keys, and is not spoilt by one', async () => {
    const good = await signer('RS256', 'good')
    const jwk = { ...(await exportJWK(weak.publicKey)), kid: 'weak' }
    const { outcome, answer } = await start()
    answer(keySet({ jwk }, good))
    expect(await outcome(good, { kid: undefined })).toBe('none')
    expect(await outcome(good, { kid: 'weak' })).toBe('signature')
  })

  it('has no use for private keys, which are no secret any more', async () => {
    const leaked = await exportJWK(first.privateKey)
    const { outcome, answer } = await start()
    answer(json({ keys: [{ ...leaked, kid: 'first' }] }))
    expect(await outcome(first)).toBe('key')
  })

  it('has no use for keys that are for encryption', async () => {
    const { outcome, answer } = await start()
    answer(json({ keys: [{ ...first.jwk, use: 'enc' }] }))
    expect(await outcome(first)).toBe('key')
    const { use: _, ...jwk } = first.jwk
    answer(json({ keys: [{ ...jwk, key_ops: ['encrypt'] }] }))
    vi.advanceTimersByTime(30_000)
    expect(await outcome(first)).toBe('key')
  })

  it('that is empty is none: the good ones serve on, and no valid token is called invalid', async () => {
    const onFailure = vi.fn()
    const { outcome, answer, keys } = await start({ onFailure })
    const problem = /jwks answered 200 with an empty JWK set$/
    answer(json({ keys: [] }))
    expect(await outcome(first)).toBe('unavailable for 30 s')
    expect(() => keys.check()).toThrow(problem)
    answer(keySet(first))
    vi.advanceTimersByTime(30_000)
    expect(await outcome(first)).toBe('none')
    expect(() => keys.check()).not.toThrow()
    answer(json({ keys: [] }))
    vi.advanceTimersByTime(600_000)
    expect(await outcome(first)).toBe('none')
    expect(() => keys.check()).toThrow(problem)
    const failed = [expect.objectContaining({ message: expect.stringMatching(problem) })]
    expect(onFailure.mock.calls).toEqual([failed, failed])
    // As while the issuer is away: what is not known may be a new key.
    vi.advanceTimersByTime(30_000)
    expect(await outcome(stranger)).toBe('unavailable for 30 s')
    answer(keySet(second))
    vi.advanceTimersByTime(30_000)
    expect(await outcome(second)).toBe('none')
    expect(await outcome(first)).toBe('key')
    expect(() => keys.check()).not.toThrow()
  })
})

describe('a wrong option of remoteKeys', () => {
  const url = 'https://issuer.example/jwks'
  it.each<[string, string, Record<string, unknown>]>([
    ['url of remoteKeys', 'issuer.example/jwks', {}],
    ['url of remoteKeys', 'file:///etc/passwd', {}],
    ['url of remoteKeys', 'data:application/json,{"keys":[]}', {}],
    ['url of remoteKeys', 'https://issuer.example/jwks#x', {}],
    ['url of remoteKeys', 'https://me:s3cr3t@issuer.example/jwks?s3cr3t', {}],
    ['url of remoteKeys', 'https://me:s3c/r3t@issuer.example/jwks', {}],
    ['url of remoteKeys', undefined as unknown as string, {}],
    ['freshMs', url, { freshMs: 0 }],
    ['staleMs', url, { freshMs: 2000, staleMs: 1999 }],
    ['coolDownMs', url, { coolDownMs: 0 }],
    ['coolDownMs', url, { coolDownMs: 2 ** 31 }],
    ['onFailure', url, { onFailure: 'log' }],
    ['timeoutMs', url, { timeoutMs: 0 }],
    ['timeoutMs', url, { timeoutMs: '5000' }],
    ['privateHosts', url, { privateHosts: 'localhost' }],
    ['privateHosts', url, { privateHosts: ['https://idp.internal'] }],
    ['privateHosts', url, { privateHosts: ['*.internal'] }],
    ['privateHosts', url, { privateHosts: ['10.0.0.0/8'] }],
    ['privateHosts', url, { privateHosts: [1] }],
    ['dangerouslyAllowHttp', url, { dangerouslyAllowHttp: 'no' }],
  ])('is refused at creation, by name and without secrets: %s', (option, at, options) => {
    expect(() => remoteKeys(at, options as RemoteKeysOptions)).toThrow(
      expect.objectContaining({
        code: 'ERR_AUTH_OPTION',
        message: expect.stringMatching(new RegExp(`^@mcp-prod/auth: ${option} must be (?!.*s3c)`)),
      }),
    )
  })
})
