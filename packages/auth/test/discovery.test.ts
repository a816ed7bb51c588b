import type { RequestListener } from 'node:http'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { issuerKeys, jwtTokens, type RemoteKeysOptions } from '../src/index.js'
import { json, keySet, publisher } from './publisher.js'
import { AUDIENCE, refusal, type Signer, signer, token } from './signing.js'

const OAUTH = '/.well-known/oauth-authorization-server'
const OIDC = '/.well-known/openid-configuration'
const HOUR = 3_600_000

let key: Signer
let young: Signer
beforeAll(async () => {
  key = await signer('ES256', 'key')
  young = await signer('ES256', 'young')
})
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
})
afterEach(() => vi.useRealTimers())

/** Answers by path; 404 for the rest. */
function pages(answers: Record<string, RequestListener>): RequestListener {
  return (req, res) => (answers[req.url ?? ''] ?? json({}, 404))(req, res)
}

/** An issuer at `path` of a server that so far knows nothing. */
async function start(path = '', options: RemoteKeysOptions = {}) {
  const server = await publisher(pages({}))
  const issuer = server.origin + path
  const jwks_uri = `${server.origin}/jwks`
  const onFailure = vi.fn()
  const keys = issuerKeys(issuer, { ...server.allowed, onFailure, ...options })
  const verify = jwtTokens({ issuer, audience: AUDIENCE, keys })
  const outcome = async (by = key) => refusal(verify(await token(by, { iss: issuer })))
  /** Serves the keys, and the metadata at one path. */
  function serveAt(metadataPath: string, metadata: Record<string, unknown> = {}) {
    const body = json({ issuer, jwks_uri, ...metadata })
    server.answer(pages({ '/jwks': keySet(key), [metadataPath]: body }))
  }
  return { ...server, issuer, keys, outcome, serveAt, onFailure }
}

describe('the metadata of an issuer', () => {
  it.each([
    ['', [OAUTH, OIDC]],
    ['/', [OAUTH, OIDC]],
    ['/tenant', [`${OAUTH}/tenant`, `${OIDC}/tenant`, `/tenant${OIDC}`]],
    ['/tenant/', [`${OAUTH}/tenant`, `${OIDC}/tenant`, `/tenant${OIDC}`]],
    ['/a/b', [`${OAUTH}/a/b`, `${OIDC}/a/b`, `/a/b${OIDC}`]],
  ])('of the path %j is looked for in the order of MCP', async (path, order) => {
    for (const [index, place] of order.entries()) {
      const { serveAt, outcome, asked } = await start(path)
      serveAt(place)
      expect(await outcome()).toBe('none')
      expect(asked).toEqual([...order.slice(0, index + 1), '/jwks'])
    }
    const { outcome, asked, keys, issuer } = await start(path)
    expect(await outcome()).toBe('unavailable for 30 s')
    expect(asked).toEqual(order)
    expect(() => keys.check()).toThrow(`no metadata of ${issuer} was found`)
  })

  it.each<[string, RequestListener]>([
    ['an error', json({}, 500)],
    [
      'a redirect to a sign-in page',
      (_req, res) => res.writeHead(302, { location: '/login' }).end(),
    ],
    ['a page', (_req, res) => res.end('<html>')],
    ['a list', json([])],
    ['metadata of another issuer', json({ issuer: 'https://evil.example', jwks_uri: 'x' })],
  ])('is looked for further where there is %s', async (_case, listener) => {
    const { answer, outcome, asked, issuer, origin } = await start()
    const metadata = json({ issuer, jwks_uri: `${origin}/jwks` })
    answer(pages({ [OAUTH]: listener, [OIDC]: metadata, '/jwks': keySet(key) }))
    expect(await outcome()).toBe('none')
    expect(asked).toEqual([OAUTH, OIDC, '/jwks'])
  })

  it.each([
    (issuer: string) => `${issuer}/`,
    (issuer: string) => `${issuer}/tenant`,
    (issuer: string) => issuer.replace('http:', 'HTTP:'),
    (issuer: string) => [issuer],
    () => 'https://evil.example',
    () => undefined,
    () => `\n"${'x'.repeat(1000)}`,
  ])('is not that of another one, whose name the error gives', async (other) => {
    const { serveAt, outcome, keys, issuer, asked } = await start()
    const named = other(issuer)
    serveAt(OIDC, { issuer: named })
    expect(await outcome()).toBe('unavailable for 30 s')
    const shown = String(JSON.stringify(named)).slice(0, 200)
    expect(() => keys.check()).toThrow(`${issuer}${OIDC} is of the issuer ${shown}`)
    expect(() => keys.check()).not.toThrow('x'.repeat(250))
    expect(asked).not.toContain('/jwks')
  })

  it.each([
    undefined,
    null,
    7,
    '',
    '/jwks',
    'file:///etc/passwd',
    'data:application/json,{"keys":[]}',
    'ftp://127.0.0.1/jwks',
    'http://me:s3cr3t@127.0.0.1/jwks',
    ['http://127.0.0.1/jwks'],
  ])('must name a JWKS that can be asked: %j', async (jwks_uri) => {
    const { serveAt, outcome, keys, issuer } = await start()
    serveAt(OAUTH, { jwks_uri })
    expect(await outcome()).toBe('unavailable for 30 s')
    const message = `@mcp-prod/auth: the metadata of ${issuer} has no usable jwks_uri`
    expect(() => keys.check()).toThrow(message)
    expect(() => keys.check()).not.toThrow('s3cr3t')
  })

  it('does not lead to where this server may not go', async () => {
    const hidden = await publisher(keySet(key))
    for (const [jwks_uri, problem] of [
      [`${hidden.origin}/jwks`, 'not public (loopback)'],
      [hidden.origin.replace('http', 'https'), 'not public (loopback)'],
      ['https://169.254.169.254/latest', 'not public (linkLocal)'],
      ['https://[fd00:ec2::254]/', 'not public (uniqueLocal)'],
      ['http://10.0.0.1/jwks', 'plain http may only stay on this machine'],
      ['http://1.1.1.1/jwks', 'plain http may only stay on this machine'],
    ] as const) {
      const { serveAt, outcome, keys } = await start()
      serveAt(OAUTH, { jwks_uri })
      expect(await outcome()).toBe('unavailable for 30 s')
      expect(() => keys.check()).toThrow(problem)
    }
    expect(hidden.asked).toEqual([])
    expect(hidden.sockets.size).toBe(0)
  })
})

describe('issuerKeys', () => {
  it('asks nobody before the first token', async () => {
    const { asked, keys } = await start()
    expect(() => keys.check()).not.toThrow()
    expect(asked).toEqual([])
  })

  it('keeps the metadata for an hour, and asks for the keys more often', async () => {
    const { serveAt, outcome, asked } = await start()
    serveAt(OAUTH)
    for (let minute = 0; minute < 55; minute += 11) {
      expect(await outcome()).toBe('none')
      vi.advanceTimersByTime(11 * 60_000)
    }
    expect(asked).toEqual([OAUTH, ...Array(5).fill('/jwks')])
  })

  it('follows the issuer when it moves its keys', async () => {
    const { answer, serveAt, outcome, issuer, origin } = await start()
    serveAt(OAUTH)
    expect(await outcome()).toBe('none')
    const moved = json({ issuer, jwks_uri: `${origin}/moved` })
    answer(pages({ [OAUTH]: moved, '/moved': keySet(young) }))
    vi.advanceTimersByTime(HOUR)
    expect(await outcome(young)).toBe('none')
    expect(await outcome()).toBe('key')
  })

  it('finds new keys with the metadata it has while the metadata is away', async () => {
    const { answer, serveAt, outcome, asked } = await start()
    serveAt(OAUTH)
    expect(await outcome()).toBe('none')
    answer(pages({ '/jwks': keySet(young) }))
    vi.advanceTimersByTime(2 * HOUR)
    expect(await outcome(young)).toBe('none')
    expect(asked.filter((path) => path === '/jwks')).toHaveLength(2)
    vi.advanceTimersByTime(24 * HOUR)
    expect(await outcome(young)).toBe('unavailable for 30 s')
  })

  it('tells once of each failure, of the metadata as of the keys, and recovers by itself', async () => {
    const { answer, serveAt, outcome, keys, onFailure, asked } = await start()
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcome()))
    expect(new Set(outcomes)).toEqual(new Set(['unavailable for 30 s']))
    expect(onFailure).toHaveBeenCalledTimes(1)
    expect(onFailure.mock.calls[0]?.[0].message).toMatch(/^@mcp-prod\/auth: no metadata of/)
    expect(asked).toEqual([OAUTH, OIDC])
    serveAt(OAUTH)
    vi.advanceTimersByTime(29_999)
    expect(await outcome()).toBe('unavailable for 1 s')
    expect(asked).toEqual([OAUTH, OIDC])
    vi.advanceTimersByTime(1)
    expect(await outcome()).toBe('none')
    expect(() => keys.check()).not.toThrow()
    answer(json({}, 503))
    vi.advanceTimersByTime(10 * 60_000)
    expect(await outcome()).toBe('none')
    expect(onFailure).toHaveBeenCalledTimes(2)
    expect(onFailure.mock.calls[1]?.[0].message).toMatch(/answered 503, not a JWK set$/)
  })

  it.each([
    'issuer.example',
    'https://issuer.example?tenant=1',
    'https://issuer.example#x',
    'https://me:s3cr3t@issuer.example',
    'file:///etc/passwd',
    'https://issuer.example\n',
    '',
  ])('refuses %j as an issuer at creation', (issuer) => {
    expect(() => issuerKeys(issuer)).toThrow(
      expect.objectContaining({
        code: 'ERR_AUTH_OPTION',
        message: expect.stringMatching(/^@mcp-prod\/auth: issuer must be (?!.*s3cr3t)/s),
      }),
    )
  })
})
