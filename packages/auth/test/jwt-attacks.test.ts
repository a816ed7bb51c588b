import { createHmac, createPublicKey } from 'node:crypto'
import { FlattenedSign } from 'jose'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { jwtTokens, remoteKeys, staticKeys } from '../src/index.js'
import { json, keySet, publisher } from './publisher.js'
import {
  AUDIENCE,
  claimsOf,
  encoded,
  ISSUER,
  rawToken,
  refusal,
  type Signer,
  signer,
  token,
} from './signing.js'

let rsa: Signer
let ec: Signer
let ed: Signer
let stranger: Signer
beforeAll(async () => {
  rsa = await signer('RS256', 'rsa')
  ec = await signer('ES256', 'ec')
  ed = await signer('EdDSA', 'ed')
  stranger = await signer('ES256', 'ec')
})

const expected = { issuer: ISSUER, audience: AUDIENCE }

function verifier(...signers: Signer[]) {
  return jwtTokens({ ...expected, keys: staticKeys({ keys: signers.map(({ jwk }) => jwk) }) })
}

/** The key without what says which algorithm it is for, as many servers publish it. */
function open({ jwk: { alg: _, ...jwk }, ...rest }: Signer): Signer {
  return { ...rest, jwk }
}

function parts(text: string) {
  const [header = '', payload = '', signature = ''] = text.split('.')
  return { header, payload, signature }
}

describe('an algorithm', () => {
  it.each(['none', 'None', 'NONE', 'nOnE', ' none', 'none\u0000', ''])(
    '%j is refused, with and without a signature, before keys are asked for',
    async (alg) => {
      const server = await publisher(keySet(rsa, ec))
      const keys = remoteKeys(`${server.origin}/jwks`, server.allowed)
      const verify = jwtTokens({ ...expected, keys })
      const input = `${encoded(JSON.stringify({ alg, kid: 'ec' }))}.${encoded(JSON.stringify(claimsOf()))}`
      const { signature } = parts(await token(ec))
      expect(await refusal(verify(`${input}.`))).toBe('algorithm')
      expect(await refusal(verify(`${input}.${signature}`))).toBe('algorithm')
      expect(server.asked).toEqual([])
    },
  )

  it.each([undefined, null, 1, true, ['ES256'], { toString: 'ES256' }])(
    'that is no text is refused: %j',
    async (alg) => {
      const text = rawToken(ec, JSON.stringify({ alg, kid: 'ec' }), JSON.stringify(claimsOf()))
      expect(await refusal(verifier(ec)(text))).toBe('algorithm')
    },
  )

  it('with a shared secret is refused: the public key in any spelling is not one', async () => {
    const publicKey = createPublicKey({ key: { ...rsa.jwk }, format: 'jwk' })
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const { n = '' } = rsa.jwk
    const secrets = [pem, pem.trimEnd(), JSON.stringify(rsa.jwk), n, Buffer.from(n, 'base64url')]
    const verify = verifier(open(rsa))
    for (const [alg, hash] of [
      ['HS256', 'sha256'],
      ['HS512', 'sha512'],
    ] as const) {
      for (const secret of secrets) {
        const header = encoded(JSON.stringify({ alg, kid: 'rsa' }))
        const input = `${header}.${encoded(JSON.stringify(claimsOf()))}`
        const signature = createHmac(hash, secret).update(input).digest('base64url')
        expect(await refusal(verify(`${input}.${signature}`))).toBe('algorithm')
      }
    }
  })

  it('with a secret that the issuer itself publishes is refused', async () => {
    const k = encoded('a secret that everybody knows by now')
    const server = await publisher(json({ keys: [{ kty: 'oct', kid: 'oct', k }] }))
    const keys = remoteKeys(`${server.origin}/jwks`, server.allowed)
    const header = encoded(JSON.stringify({ alg: 'HS256', kid: 'oct' }))
    const input = `${header}.${encoded(JSON.stringify(claimsOf()))}`
    const signature = createHmac('sha256', Buffer.from(k, 'base64url')).update(input)
    const text = `${input}.${signature.digest('base64url')}`
    expect(await refusal(jwtTokens({ ...expected, keys })(text))).toBe('algorithm')
    for (const alg of ['ES256', 'RS256', 'EdDSA']) {
      const other = rawToken(ec, JSON.stringify({ alg, kid: 'oct' }), JSON.stringify(claimsOf()))
      expect(await refusal(jwtTokens({ ...expected, keys })(other))).toBe('key')
    }
  })

  it.each(['PS256', 'RS512', 'ES256', 'EdDSA'])(
    'named in the header is not changed to %s unnoticed',
    async (alg) => {
      const { payload, signature } = parts(await token(rsa))
      const header = encoded(JSON.stringify({ alg, kid: 'rsa' }))
      const text = `${header}.${payload}.${signature}`
      // Whether the key says what it is for, or not.
      expect(await refusal(verifier(rsa, ec, ed)(text))).toBe('key')
      const isRsa = alg !== 'ES256' && alg !== 'EdDSA'
      const verify = verifier(open(rsa), open(ec), open(ed))
      expect(await refusal(verify(text))).toBe(isRsa ? 'signature' : 'key')
    },
  )

  it('is taken by either name of Ed25519, and no other than those asked for', async () => {
    expect(await refusal(verifier(ed)(await token(ed)))).toBe('none')
    const renamed = { ...open(ed), alg: 'Ed25519' }
    expect(await refusal(verifier(renamed)(await token(renamed)))).toBe('none')
    const keys = staticKeys({ keys: [rsa.jwk, ec.jwk, ed.jwk] })
    const verify = jwtTokens({ ...expected, keys, algorithms: ['ES256'] })
    expect(await refusal(verify(await token(ec)))).toBe('none')
    for (const other of [rsa, ed]) {
      expect(await refusal(verify(await token(other)))).toBe('algorithm')
    }
  })
})

describe('a header', () => {
  it('brings no key of its own', async () => {
    const evil = await publisher(keySet(stranger))
    const url = `${evil.origin}/jwks`
    const verify = verifier(ec)
    for (const header of [
      { jwk: stranger.jwk },
      { jku: url },
      { x5u: url },
      { x5c: [encoded('a certificate')] },
      { jku: url, jwk: stranger.jwk, x5t: 'x' },
    ]) {
      expect(await refusal(verify(await token(stranger, {}, header)))).toBe('signature')
      expect(await refusal(verify(await token(stranger, {}, { ...header, kid: 'new' })))).toBe(
        'key',
      )
    }
    expect(evil.asked).toEqual([])
  })

  it.each([
    ['an unknown extension', { crit: ['urn:example:bound'], 'urn:example:bound': true }],
    ['a registered claim', { crit: ['exp'], exp: 1 }],
    ['an extension that is not there', { crit: ['b64'] }],
    ['nothing', { crit: [] }],
    ['what is no list', { crit: 'b64', b64: true }],
    ['an unencoded payload', { crit: ['b64'], b64: false }],
  ])('that makes %s critical is refused, though the issuer signed it', async (_case, header) => {
    const text = JSON.stringify({ alg: 'ES256', kid: 'ec', ...header })
    expect(await refusal(verifier(ec)(rawToken(ec, text, JSON.stringify(claimsOf()))))).toBe('form')
  })

  it('with an unencoded payload is refused also when it is signed as such', async () => {
    const header = { alg: 'ES256', kid: 'ec', crit: ['b64'], b64: false }
    const claims = Buffer.from(JSON.stringify(claimsOf()))
    const signing = new FlattenedSign(claims).setProtectedHeader(header)
    const { protected: first, signature } = await signing.sign(ec.privateKey)
    for (const payload of [claims.toString(), claims.toString('base64url')]) {
      expect(await refusal(verifier(ec)(`${first}.${payload}.${signature}`))).not.toBe('none')
    }
  })

  it.each<unknown>([
    '../../../../dev/null',
    "' OR 1=1 --",
    '__proto__',
    'constructor',
    'ec\u0000',
    'EC',
    '',
    'x'.repeat(4000),
    0,
    null,
    ['ec'],
    { toString: 'ec' },
  ])('names a key by its whole id and not by %j', async (kid) => {
    const text = rawToken(ec, JSON.stringify({ alg: 'ES256', kid }), JSON.stringify(claimsOf()))
    expect(await refusal(verifier(ec, rsa)(text))).toBe('key')
  })

  it.each([
    ['at+jwt', 'none', 'none'],
    ['AT+JWT', 'none', 'none'],
    ['application/at+jwt', 'none', 'none'],
    ['Application/AT+jwt', 'none', 'none'],
    ['JWT', 'none', 'type'],
    ['jwt', 'none', 'type'],
    ['application/jwt', 'none', 'type'],
    [undefined, 'none', 'type'],
    ['logout+jwt', 'type', 'type'],
    ['dpop+jwt', 'type', 'type'],
    ['secevent+jwt', 'type', 'type'],
    ['token-introspection+jwt', 'type', 'type'],
    ['client-authentication+jwt', 'type', 'type'],
    ['application/application/at+jwt', 'type', 'type'],
    ['at+jwt ', 'type', 'type'],
    [null, 'type', 'type'],
    [['at+jwt'], 'type', 'type'],
    [{ toString: null, valueOf: null }, 'type', 'type'],
    [1, 'type', 'type'],
  ])(
    'of the type %j gives %j, and %j where access tokens must say so',
    async (typ, lax, strict) => {
      const text = rawToken(ec, JSON.stringify({ alg: 'ES256', typ }), JSON.stringify(claimsOf()))
      const keys = staticKeys({ keys: [ec.jwk] })
      expect(await refusal(jwtTokens({ ...expected, keys })(text))).toBe(lax)
      const strictly = jwtTokens({ ...expected, keys, requireAccessTokenType: true })
      expect(await refusal(strictly(text))).toBe(strict)
    },
  )
})

describe('a signature', () => {
  it('is checked, whatever is changed', async () => {
    const { header, payload, signature } = parts(await token(ec))
    const other = parts(await token(ec, { sub: 'mallory' }))
    const admin = encoded(JSON.stringify(claimsOf({ scope: 'admin' })))
    const bytes = Buffer.from(signature, 'base64url')
    const broken = [
      [header, admin, signature],
      [header, other.payload, signature],
      [header, payload, other.signature],
      [encoded(JSON.stringify({ alg: 'ES256', kid: 'ec', x: 1 })), payload, signature],
      [header, payload, signature.slice(0, -2)],
      [header, payload, encoded(bytes.subarray(0, 32))],
      [header, payload, encoded(Buffer.concat([bytes, bytes]))],
      [header, payload, ''],
      // CVE-2022-21449: what r = s = 0 signs is everything.
      [header, payload, encoded(Buffer.alloc(64))],
      [header, payload, encoded(Buffer.alloc(64, 0xff))],
      [header, payload, encoded(Buffer.from('3006020100020100', 'hex'))],
    ]
    for (const each of broken) expect(await refusal(verifier(ec)(each.join('.')))).toBe('signature')
    expect(await refusal(verifier(ec)(await token(stranger)))).toBe('signature')
    expect(await refusal(verifier(ec)(`${header}.${payload}.${signature}`))).toBe('none')
  })

  it('without a key id is tried with every key that fits', async () => {
    const second = await signer('ES256', 'second')
    const verify = verifier(ec, rsa, second)
    expect(await refusal(verify(await token(second, {}, { kid: undefined })))).toBe('none')
    expect(await refusal(verify(await token(rsa, {}, { kid: undefined })))).toBe('none')
    expect(await refusal(verify(await token(stranger, {}, { kid: undefined })))).toBe('signature')
    const expired = await token(second, { exp: 1 }, { kid: undefined })
    expect(await refusal(verify(expired))).toBe('expired')
  })

  it('without a key id costs eight attempts at most', async () => {
    const many = await Promise.all(
      Array.from({ length: 20 }, (_, index) => signer('ES256', `key-${index}`)),
    )
    const verify = verifier(...many)
    const attempts = vi.spyOn(crypto.subtle, 'verify')
    expect(await refusal(verify(await token(stranger, {}, { kid: undefined })))).toBe('signature')
    expect(attempts).toHaveBeenCalledTimes(8)
    attempts.mockRestore()
  })
})

describe('what is no token', () => {
  const good = JSON.stringify(claimsOf())
  const header = encoded(JSON.stringify({ alg: 'ES256', kid: 'ec' }))

  it.each([
    ['nothing', ''],
    ['dots', '..'],
    ['many dots', '.'.repeat(8000)],
    ['two parts', `${header}.${encoded(good)}`],
    ['four parts', `${header}.${encoded(good)}.x.y`],
    ['five parts, encrypted', `${encoded('{"alg":"RSA-OAEP","enc":"A128GCM"}')}.a.b.c.d`],
    ['five parts that say they are signed', `${header}.a.b.c.d`],
    ['six parts', `${header}.a.b.c.d.e`],
    ['no base64', `${header}.${encoded(good)}.!!!!`],
    ['no base64 as header', '~~~~.e30.AA'],
    ['no UTF-8 as header', `${encoded(Buffer.from([0xff, 0xfe]))}.e30.AA`],
    ['no JSON as header', `${encoded('{')}.e30.AA`],
    ['a list as header', `${encoded('["ES256"]')}.e30.AA`],
    ['null as header', `${encoded('null')}.e30.AA`],
    ['a header with a prototype', `${encoded('{"__proto__":{"alg":"ES256"}}')}.e30.AA`],
    ['a deep header', `${encoded(`{"alg":${'['.repeat(5000)}`)}.e30.AA`],
    ['8 kB of the same', 'a'.repeat(8192)],
    ['8 kB in three parts', ['a', 'b', 'c'].map((part) => part.repeat(2700)).join('.')],
    ['letters beyond ASCII', `${header}.${encoded(good)}.ключ`],
  ])('is refused as such: %s', async (_case, text) => {
    expect(await refusal(verifier(ec)(text))).toMatch(/^(form|algorithm|signature)$/)
  })

  it.each(['null', '[]', '"alice"', '1', '{', '', '{"exp":'])(
    'is refused also when the issuer signed it: claims %j',
    async (claims) => {
      const text = rawToken(ec, JSON.stringify({ alg: 'ES256', kid: 'ec' }), claims)
      expect(await refusal(verifier(ec)(text))).toBe('form')
    },
  )
})
