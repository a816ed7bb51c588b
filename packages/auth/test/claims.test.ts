import { describe, expect, it } from 'vitest'
import { audienceOf, type ClaimOptions, claimReader } from '../src/claims.js'
import { AUDIENCE, claimsOf } from './signing.js'

function read(claims: Record<string, unknown>, options: ClaimOptions = {}) {
  return claimReader(options)(claimsOf(claims), AUDIENCE)
}

function refused(reason: string) {
  return expect.objectContaining({ code: 'ERR_AUTH_INVALID_TOKEN', reason })
}

/** Goes wrong in a log line, a key or a header; or is so long that it fills one. */
const UNPRINTABLE: unknown[] = [
  '',
  'x'.repeat(257),
  'x'.repeat(10_000),
  'alice\n2026-01-01 root logged in',
  'alice\r',
  'alice\u0000',
  'alice\u001b[31m',
  'alice\u2028',
  'alice\u2029',
  'alice\u202egnp',
  'alice\u200b',
  'alice\ud800',
  1,
  true,
  ['alice'],
  { toString: 'alice' },
]

describe('the principal', () => {
  it('is the subject, and the client where a token has no subject', () => {
    expect(read({}).extra?.principal).toBe('alice')
    expect(read({ sub: undefined }).extra?.principal).toBe('cli')
    expect(read({ sub: 'Ünïcode ünd spaces' }).extra?.principal).toBe('Ünïcode ünd spaces')
  })

  it.each(UNPRINTABLE)('is printable: %j is none', (sub) => {
    expect(() => read({ sub })).toThrow(refused('subject'))
  })

  it('is not missing, and not what every object has', () => {
    expect(() => read({ sub: undefined, client_id: undefined })).toThrow(refused('subject'))
    const inherited = Object.create({ sub: 'alice', client_id: 'cli' })
    expect(() => claimReader({})(inherited, AUDIENCE)).toThrow(refused('subject'))
    const claims = JSON.parse('{"__proto__":{"sub":"root"},"client_id":"cli"}')
    expect(claimReader({})(claims, AUDIENCE).extra?.principal).toBe('cli')
  })

  it('cannot equal that of an API key where a prefix sets them apart', () => {
    expect(read({ sub: 'build' }, { principalPrefix: 'idp:' }).extra?.principal).toBe('idp:build')
    expect(read({ sub: 'idp:build' }, { principalPrefix: 'idp:' }).extra?.principal).toBe(
      'idp:idp:build',
    )
  })
})

describe('the client', () => {
  it('is client_id, then azp, then the subject', () => {
    expect(read({ azp: 'app' }).clientId).toBe('cli')
    expect(read({ client_id: undefined, azp: 'app' }).clientId).toBe('app')
    expect(read({ client_id: undefined }).clientId).toBe('alice')
  })

  it.each(UNPRINTABLE)('is printable: %j is none', (client_id) => {
    expect(() => read({ client_id })).toThrow(refused('client'))
  })
})

describe('the tenant', () => {
  it('is read from the claim that is named, and only then', () => {
    expect(read({ tid: 'acme' }, { tenantClaim: 'tid' }).extra?.tenant).toBe('acme')
    const tenantClaim = 'https://acme.example/org'
    expect(read({ [tenantClaim]: 'acme' }, { tenantClaim }).extra?.tenant).toBe('acme')
    expect(read({ tid: 'acme', tenant: 'acme' }).extra).not.toHaveProperty('tenant')
  })

  it.each([...UNPRINTABLE, undefined, null])('is in every token then: %j is none', (tid) => {
    expect(() => read({ tid }, { tenantClaim: 'tid' })).toThrow(refused('tenant'))
  })

  it.each(['constructor', 'toString', '__proto__'])('is not found in %s', (tenantClaim) => {
    expect(() => read({}, { tenantClaim })).toThrow(refused('tenant'))
  })
})

describe('scopes', () => {
  it.each<[string, Record<string, unknown>, string[]]>([
    ['a text', { scope: 'a b' }, ['a', 'b']],
    ['a list', { scope: ['a', 'b'] }, ['a', 'b']],
    ['scp as a text', { scope: undefined, scp: 'a b' }, ['a', 'b']],
    ['scp as a list', { scope: undefined, scp: ['a', 'b'] }, ['a', 'b']],
    ['scope before scp', { scope: '', scp: 'admin' }, []],
    ['none', { scope: undefined }, []],
    ['several spaces', { scope: '  a   b ' }, ['a', 'b']],
    ['repetitions', { scope: 'a a b a' }, ['a', 'b']],
    ['quotes', { scope: 'a" b\\ "c" d' }, ['d']],
    ['a newline, which separates nothing', { scope: 'a\nadmin b\tc d\r' }, []],
    ['a list with what is no scope', { scope: ['a b', 1, null, ['c'], { d: 1 }, '', 'e'] }, ['e']],
    ['letters beyond ASCII', { scope: 'ключ a\u2028b \u00a0 c' }, ['c']],
    ['a number', { scope: 7 }, []],
    ['an object', { scope: { 0: 'a', length: 1 } }, []],
  ])('come from %s', (_case, claims, scopes) => {
    expect(read(claims).scopes).toEqual(scopes)
  })

  it('may be thousands', () => {
    const many = Array.from({ length: 20_000 }, (_, index) => `scope:${index}`)
    const claims = { scope: many.join(' ') }
    const startedAt = performance.now()
    const { scopes } = read(claims)
    expect(performance.now() - startedAt).toBeLessThan(1000)
    expect(scopes).toEqual(many)
  })
})

describe('a token that is bound to a key', () => {
  it.each([{ jkt: 'x' }, { 'x5t#S256': 'x' }, {}, null, 'x', false])(
    'is no bearer token: cnf %j',
    (cnf) => {
      expect(() => read({ cnf })).toThrow(refused('sender_constrained'))
    },
  )
})

describe('audienceOf', () => {
  it('gives the one of ours that is named, in our order', () => {
    expect(audienceOf({ aud: ['x', 'b', 'a'] }, ['a', 'b'])).toBe('a')
    expect(() => audienceOf({ aud: ['x'] }, ['a', 'b'])).toThrow(refused('audience'))
    expect(() => audienceOf({}, ['a'])).toThrow(refused('audience'))
    expect(() => audienceOf({ aud: [['a']] }, ['a'])).toThrow(refused('audience'))
    expect(() => audienceOf({ aud: 'abc' }, ['a'])).toThrow(refused('audience'))
  })
})
