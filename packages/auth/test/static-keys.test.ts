import { generateKeyPairSync } from 'node:crypto'
import { exportJWK, type JSONWebKeySet } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { jwtTokens, staticKeys } from '../src/index.js'
import { AUDIENCE, ISSUER, refusal, type Signer, signer, token } from './signing.js'

let first: Signer
let second: Signer
beforeAll(async () => {
  first = await signer('ES256', 'first')
  second = await signer('RS256', 'second')
})

describe('staticKeys', () => {
  it('takes a key set as an object and as JSON, and another one in its place', async () => {
    const keys = staticKeys({ keys: [first.jwk] })
    const verify = jwtTokens({ issuer: ISSUER, audience: AUDIENCE, keys })
    const [old, young] = [await token(first), await token(second)]
    expect(await refusal(verify(old))).toBe('none')
    expect(await refusal(verify(young))).toBe('key')
    keys.replace(JSON.stringify({ keys: [second.jwk] }))
    expect(await refusal(verify(old))).toBe('key')
    expect(await refusal(verify(young))).toBe('none')
    expect(() => verify.check()).not.toThrow()
  })

  it('keeps the present set when the next one is faulty', async () => {
    const keys = staticKeys({ keys: [first.jwk] })
    const verify = jwtTokens({ issuer: ISSUER, audience: AUDIENCE, keys })
    expect(() => keys.replace('{"keys":[]}')).toThrow('jwks must be')
    expect(await refusal(verify(await token(first)))).toBe('none')
  })

  it('is not changed by what happens to the object later', async () => {
    const set = { keys: [{ ...first.jwk }] }
    const verify = jwtTokens({ issuer: ISSUER, audience: AUDIENCE, keys: staticKeys(set) })
    Object.assign(set.keys[0] ?? {}, second.jwk)
    set.keys.push(second.jwk)
    expect(await refusal(verify(await token(first)))).toBe('none')
    expect(await refusal(verify(await token(second)))).toBe('key')
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', 'null'],
    ['no JSON', '{"keys":['],
    ['a list', '[]'],
    ['no keys', '{}'],
    ['no key', { keys: [] }],
    ['keys that are no list', { keys: { 0: {} } }],
  ])('refuses what is no key set: %s', (_case, jwks) => {
    expect(() => staticKeys(jwks as JSONWebKeySet)).toThrow(
      expect.objectContaining({
        code: 'ERR_AUTH_OPTION',
        message: expect.stringMatching(/^@mcp-prod\/auth: jwks must be a JWK set/),
      }),
    )
  })

  it('refuses keys that would not do, by index and without showing them', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey
    const secret = { ...(await exportJWK(first.privateKey)), kid: 'first' }
    const bad: unknown[] = [
      secret,
      await exportJWK(second.privateKey),
      { kty: 'oct', k: 'c2VjcmV0' },
      await exportJWK(weak),
      { ...first.jwk, x: 'AAAA' },
      { ...second.jwk, n: undefined },
      { kty: 'EC' },
      {},
      null,
      'key',
      1,
    ]
    for (const each of bad) {
      const create = () => staticKeys({ keys: [first.jwk, each] } as JSONWebKeySet)
      expect(create).toThrow(
        expect.objectContaining({
          code: 'ERR_AUTH_OPTION',
          message: expect.stringMatching(/jwks\.keys\[1\] must be .*, got "something else"$/),
        }),
      )
    }
    expect(() => staticKeys(JSON.stringify({ keys: [secret] }))).not.toThrow(secret.d)
  })
})
