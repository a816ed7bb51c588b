import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  AuthUnavailableError,
  apiKeys,
  authenticate,
  authOf,
  type JwtOptions,
  jwtTokens,
  principalOf,
  staticKeys,
} from '../src/index.js'
import { answer, serve } from './serve.js'
import {
  AUDIENCE,
  claimsOf,
  ISSUER,
  nowSeconds,
  rawToken,
  refusal,
  type Signer,
  signer,
  token,
} from './signing.js'

let key: Signer
beforeAll(async () => {
  key = await signer()
})
afterEach(() => vi.useRealTimers())

function verifier(options: Partial<JwtOptions> = {}) {
  const keys = staticKeys({ keys: [key.jwk] })
  return jwtTokens({ issuer: ISSUER, audience: AUDIENCE, keys, ...options })
}

/** What becomes of a token with these claims. */
async function outcome(claims: Record<string, unknown>, options: Partial<JwtOptions> = {}) {
  return refusal(verifier(options)(await token(key, claims)))
}

describe('jwtTokens', () => {
  it('makes the caller of a good token', async () => {
    const exp = nowSeconds() + 300
    const verify = verifier({ tenantClaim: 'org_id', principalPrefix: 'idp:' })
    expect(await verify(await token(key, { exp, org_id: 'acme' }))).toEqual({
      token: '[redacted]',
      clientId: 'cli',
      scopes: ['catalog:read'],
      expiresAt: exp,
      resource: new URL(AUDIENCE),
      extra: { principal: 'idp:alice', issuer: ISSUER, tenant: 'acme' },
    })
  })

  it('stands behind authenticate', async () => {
    const { url } = await serve((app) =>
      app.get('/mcp', authenticate(verifier()), (req, res) => {
        res.json({ principal: principalOf(req), scopes: authOf(req)?.scopes })
      }),
    )
    const ask = async (bearer: string) =>
      answer(await fetch(url, { headers: { authorization: `Bearer ${bearer}` } }))
    expect(await ask(await token(key))).toMatchObject({
      status: 200,
      body: { principal: 'alice', scopes: ['catalog:read'] },
    })
    const large = await token(key, { scope: 'x'.repeat(5000) })
    expect((await ask(large)).status).toBe(200)
    for (const bad of [await token(key, { aud: 'https://other.example' }), 'a.b.c']) {
      expect(await ask(bad)).toMatchObject({
        status: 401,
        challenge: 'Bearer realm="mcp", error="invalid_token"',
      })
    }
  })

  it('shares nothing between two requests with the same token', async () => {
    const text = await token(key)
    const verify = verifier()
    const first = await verify(text)
    first.scopes.push('admin')
    Object.assign(first.extra ?? {}, { principal: 'root' })
    expect(await verify(text)).toMatchObject({
      scopes: ['catalog:read'],
      extra: { principal: 'alice' },
    })
  })
})

describe('the issuer', () => {
  it.each([
    `${ISSUER}/`,
    'HTTPS://issuer.example',
    'https://Issuer.example',
    'https://issuer.example.evil.example',
    'https://issuer.exampl',
    'http://issuer.example',
    ` ${ISSUER}`,
    '',
    [ISSUER],
    null,
    undefined,
    1,
  ])('is compared character by character: %j is another', async (iss) => {
    expect(await outcome({ iss })).toBe('issuer')
  })
})

describe('the audience', () => {
  it.each([
    [AUDIENCE, 'none'],
    [[AUDIENCE], 'none'],
    [['https://other.example', AUDIENCE], 'none'],
    ['https://other.example', 'audience'],
    ['https://mcp.example', 'audience'],
    ['https://mcp.example/mc', 'audience'],
    [`${AUDIENCE}/`, 'audience'],
    [`${AUDIENCE}/admin`, 'audience'],
    [`${AUDIENCE} https://other.example`, 'audience'],
    ['HTTPS://mcp.example/mcp', 'audience'],
    [[[AUDIENCE]], 'audience'],
    [{ [AUDIENCE]: true }, 'audience'],
    [[], 'audience'],
    ['', 'audience'],
    [null, 'audience'],
    [undefined, 'audience'],
  ])('must be this server: %j gives %j', async (aud, reason) => {
    expect(await outcome({ aud })).toBe(reason)
  })

  it('may be one of several names, and the caller carries the one that is meant', async () => {
    const audience = ['urn:mcp', AUDIENCE]
    const verify = verifier({ audience })
    expect(await verify(await token(key))).toMatchObject({ resource: new URL(AUDIENCE) })
    expect((await verify(await token(key, { aud: 'urn:mcp' }))).resource?.href).toBe('urn:mcp')
    expect(
      await verifier({ audience: 'mcp' })(await token(key, { aud: 'mcp' })),
    ).not.toHaveProperty('resource')
  })
})

describe('time', () => {
  const inSeconds = (seconds: number) => nowSeconds() + seconds

  it('may be a little late, and no more', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-06-01T00:00:00Z') })
    expect(await outcome({ exp: inSeconds(-29) })).toBe('none')
    expect(await outcome({ exp: inSeconds(-30) })).toBe('expired')
    expect(await outcome({ nbf: inSeconds(30) })).toBe('none')
    expect(await outcome({ nbf: inSeconds(31) })).toBe('not_yet')
    const exactly = { clockToleranceSeconds: 0 }
    expect(await outcome({ exp: inSeconds(1) }, exactly)).toBe('none')
    expect(await outcome({ exp: inSeconds(0) }, exactly)).toBe('expired')
    expect(await outcome({ nbf: inSeconds(1) }, exactly)).toBe('not_yet')
  })

  it('of issue tells nothing about validity, but must be a number', async () => {
    expect(await outcome({ iat: inSeconds(3600) })).toBe('none')
    expect(await outcome({ iat: undefined })).toBe('none')
    expect(await outcome({ iat: 'today' })).toBe('claims')
  })

  it.each(['1e999', '-1e999', '"9999999999"', 'null', '[9999999999]', 'true', '{}', '1e300', '0'])(
    'of expiry must be a time: %s is none',
    async (exp) => {
      const claims = JSON.stringify(claimsOf({ exp: 0 })).replace('"exp":0', `"exp":${exp}`)
      const text = rawToken(key, JSON.stringify({ alg: 'ES256' }), claims)
      expect(await refusal(verifier()(text))).toMatch(/^expir(y|ed)$/)
    },
  )

  it('of expiry must be there', async () => {
    expect(await outcome({ exp: undefined })).toBe('expiry')
    expect(await outcome({ nbf: 'tomorrow' })).toBe('not_yet')
  })

  it('of expiry is given in whole seconds, and never late', async () => {
    const exp = inSeconds(60)
    expect(await verifier()(await token(key, { exp: exp + 0.9 }))).toMatchObject({ expiresAt: exp })
  })
})

describe('a revoked token', () => {
  it.each([true, Promise.resolve(true)])('is refused', async (revoked) => {
    const isRevoked = vi.fn(() => revoked)
    expect(await outcome({ jti: 'x' }, { isRevoked })).toBe('revoked')
    expect(isRevoked).toHaveBeenCalledWith(expect.objectContaining({ jti: 'x', sub: 'alice' }))
  })

  it('is looked for only where the token is good otherwise', async () => {
    const isRevoked = vi.fn(() => false)
    expect(await outcome({}, { isRevoked })).toBe('none')
    expect(isRevoked).toHaveBeenCalledTimes(1)
    for (const claims of [{ exp: 1 }, { aud: 'x' }, { iss: 'x' }, { sub: '' }, { cnf: {} }]) {
      expect(await outcome(claims, { isRevoked })).not.toBe('none')
    }
    expect(isRevoked).toHaveBeenCalledTimes(1)
  })

  it('is never let pass because the list cannot be read', async () => {
    const fail = async () => Promise.reject(new Error('the list is away'))
    await expect(outcome({}, { isRevoked: fail })).rejects.toThrow('the list is away')
    const unknown = () => {
      throw new AuthUnavailableError('the list is away', { retryAfterMs: 4_100 })
    }
    expect(await outcome({}, { isRevoked: unknown })).toBe('unavailable for 5 s')
  })
})

describe('a wrong option', () => {
  it.each<[string, Record<string, unknown>]>([
    ['issuer', { issuer: '' }],
    ['issuer', { issuer: undefined }],
    ['audience', { audience: [] }],
    ['audience', { audience: '' }],
    ['audience', { audience: [AUDIENCE, 1] }],
    ['audience', { audience: undefined }],
    ['keys.keysFor', { keys: undefined }],
    ['keys.keysFor', { keys: apiKeys }],
    ['keys.check', { keys: { keysFor: async () => [] } }],
    ['algorithms', { algorithms: [] }],
    ['algorithms', { algorithms: 'ES256' }],
    ['algorithms', { algorithms: ['HS256'] }],
    ['algorithms', { algorithms: ['ES256', 'none'] }],
    ['clockToleranceSeconds', { clockToleranceSeconds: -1 }],
    ['clockToleranceSeconds', { clockToleranceSeconds: 301 }],
    ['clockToleranceSeconds', { clockToleranceSeconds: Number.NaN }],
    ['clockToleranceSeconds', { clockToleranceSeconds: '30' }],
    ['requireAccessTokenType', { requireAccessTokenType: 'false' }],
    ['isRevoked', { isRevoked: new Set() }],
    ['principalPrefix', { principalPrefix: 'a\nb' }],
    ['principalPrefix', { principalPrefix: 1 }],
    ['tenantClaim', { tenantClaim: '' }],
  ])('is refused at creation, by name: %s', (option, options) => {
    expect(() => verifier(options as Partial<JwtOptions>)).toThrow(
      expect.objectContaining({
        code: 'ERR_AUTH_OPTION',
        message: expect.stringContaining(`@mcp-prod/auth: ${option} must be`),
      }),
    )
  })
})
