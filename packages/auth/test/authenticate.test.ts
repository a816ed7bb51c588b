import express, { type Request, type RequestHandler } from 'express'
import passport from 'passport'
import { Strategy } from 'passport-http-bearer'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  type AuthenticateOptions,
  apiKeys,
  authenticate,
  authOf,
  generateApiKey,
  principalOf,
  type TokenVerifier,
} from '../src/index.js'
import { answer, sendLines, serve, someone } from './serve.js'

const { id, key, hash } = generateApiKey('ci')
const keys = apiKeys([{ id, hash, principal: 'builder', scopes: ['catalog:read'] }])
const echo: RequestHandler = (req, res) => {
  res.json({ auth: authOf(req), principal: principalOf(req) })
}

afterEach(() => vi.useRealTimers())

async function start(verify: TokenVerifier = keys, options?: AuthenticateOptions) {
  const verifier = vi.fn(verify)
  const handler = vi.fn(echo)
  const server = await serve((app) => app.all('/mcp', authenticate(verifier, options), handler))
  const get = async (authorization?: string, init: RequestInit = {}) =>
    answer(
      await fetch(server.url, { ...init, headers: { ...(authorization && { authorization }) } }),
    )
  return { ...server, get, verifier, handler }
}

describe('a valid key', () => {
  it('sets req.auth as the SDK has it, without the token', async () => {
    const { get } = await start()
    const { status, body, challenge } = await get(`Bearer ${key}`)
    expect(status).toBe(200)
    expect(challenge).toBeNull()
    expect(body).toEqual({
      auth: {
        token: '[redacted]',
        clientId: 'ci',
        scopes: ['catalog:read'],
        extra: { principal: 'builder' },
      },
      principal: 'builder',
    })
  })

  it.each(['bearer', 'BEARER', 'bEaReR'])('is taken with the scheme written %s', async (scheme) => {
    const { get } = await start()
    expect((await get(`${scheme} ${key}`)).status).toBe(200)
  })

  it('is redacted even where a verifier hands the token back', async () => {
    const { get } = await start((token) => someone({ token, extra: { principal: '' } }))
    const { body } = await get('Bearer raw.secret.token')
    expect(body).toEqual({
      auth: { token: '[redacted]', clientId: 'someone', scopes: [], extra: { principal: '' } },
      principal: 'someone',
    })
  })
})

describe('refusals', () => {
  it('challenge a request without a token, with no error in the challenge', async () => {
    const { get, verifier, handler } = await start()
    const { status, challenge, headers, body } = await get()
    expect(status).toBe(401)
    expect(challenge).toBe('Bearer realm="mcp"')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('content-type')).toMatch(/^application\/json/)
    expect(body).toEqual({
      jsonrpc: '2.0',
      id: null,
      error: { code: 401, message: expect.stringContaining('Bearer <token>') },
    })
    expect(verifier).not.toHaveBeenCalled()
    expect(handler).not.toHaveBeenCalled()
  })

  it('are the same for an unknown id, a wrong secret, an expired key and no key at all', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-06-01T00:00:00Z') })
    const old = generateApiKey('old')
    const expired = { ...old, principal: 'p', scopes: [], expiresAt: '2026-05-31T23:59:59Z' }
    const verify = apiKeys([
      { id, hash, principal: 'p', scopes: [] },
      {
        id: expired.id,
        hash: expired.hash,
        principal: 'p',
        scopes: [],
        expiresAt: expired.expiresAt,
      },
    ])
    const { get, handler } = await start(verify)
    const secret = key.slice('mcp_ci_'.length)
    const tokens = [
      `mcp_other_${secret}`,
      `mcp_constructor_${secret}`,
      generateApiKey('ci').key,
      `${key}A`,
      key.slice(0, -1),
      `mcp_CI_${secret}`,
      hash,
      secret,
      old.key,
      'x',
    ]
    const answers = await Promise.all(tokens.map((token) => get(`Bearer ${token}`)))
    for (const { status, challenge, body } of answers) {
      expect(status).toBe(401)
      expect(challenge).toBe('Bearer realm="mcp", error="invalid_token"')
      expect(body).toEqual(answers[0]?.body)
    }
    expect(handler).not.toHaveBeenCalled()
  })

  it.each([
    ['no token', 'Bearer'],
    ['two spaces', `Bearer  ${key}`],
    ['a tab as separator', `Bearer\t${key}`],
    ['a tab in the token', `Bearer ${key}\tx`],
    ['two tokens', `Bearer ${key} ${key}`],
    ['a list', `Bearer ${key},Bearer ${key}`],
    ['a list of schemes', `Bearer ${key}, Basic Zm9v`],
    ['a quoted token', `Bearer "${key}"`],
    ['a colon', `Bearer:${key}`],
    ['an equals sign', `Bearer=${key}`],
    ['letters beyond ASCII', `Bearer ${key}\xe9`],
    ['padding alone', 'Bearer =='],
    ['padding in the middle', 'Bearer a=b'],
    ['a parameter', `Bearer ${key};x`],
    ['too many bytes', `Bearer ${'a'.repeat(8193)}`],
  ])('never ask the verifier about a malformed header: %s', async (_case, value) => {
    const { port, verifier, handler } = await start(() => someone())
    const { status, challenge } = await sendLines(port, [`Authorization: ${value}`])
    expect(status).toBe(401)
    expect(challenge).toBe('Bearer realm="mcp", error="invalid_token"')
    expect(verifier).not.toHaveBeenCalled()
    expect(handler).not.toHaveBeenCalled()
  })

  it('start one byte above maxTokenBytes', async () => {
    const { get } = await start(() => someone(), { maxTokenBytes: 10 })
    expect((await get(`Bearer ${'a'.repeat(10)}`)).status).toBe(200)
    expect((await get(`Bearer ${'a'.repeat(11)}`)).status).toBe(401)
    const standard = await start(() => someone())
    expect((await standard.get(`Bearer ${'a'.repeat(8192)}`)).status).toBe(200)
  })

  it.each([
    ['an empty header', ''],
    ['spaces alone', '   '],
    ['Basic', `Basic ${Buffer.from(`ci:${key}`).toString('base64')}`],
    ['Basic around the key', `Basic ${key}`],
    ['a scheme that only begins so', `Bearers ${key}`],
    ['the key without a scheme', key],
    ['a scheme before', `Negotiate Bearer ${key}`],
  ])('of what is no bearer token name no error: %s', async (_case, value) => {
    const { port, verifier } = await start(() => someone())
    const { status, challenge } = await sendLines(port, [`Authorization: ${value}`])
    expect(status).toBe(401)
    expect(challenge).toBe('Bearer realm="mcp"')
    expect(verifier).not.toHaveBeenCalled()
  })

  const twice: [string, string[]][] = [
    ['the valid one first', [`Authorization: Bearer ${key}`, 'Authorization: Bearer other']],
    ['the valid one last', ['Authorization: Bearer other', `Authorization: Bearer ${key}`]],
    ['the same twice', [`Authorization: Bearer ${key}`, `authorization: Bearer ${key}`]],
    ['another scheme', ['AUTHORIZATION: Basic Zm9v', `Authorization: Bearer ${key}`]],
    ['an empty one', ['Authorization:', `aUthorization: Bearer ${key}`]],
    [
      'far apart',
      [`Authorization: Bearer ${key}`, 'Accept: */*', 'X-A: b', 'Authorization: Bearer other'],
    ],
  ]
  it.each(twice)('meet several Authorization headers: %s', async (_case, lines) => {
    const { port, verifier } = await start(() => someone())
    const { status, challenge } = await sendLines(port, lines)
    expect(status).toBe(401)
    expect(challenge).toBe('Bearer realm="mcp", error="invalid_request"')
    expect(verifier).not.toHaveBeenCalled()
  })

  it('meet several Authorization headers also where the server joins them', async () => {
    const handler = vi.fn(echo)
    const build = (app: express.Express) => app.all('/mcp', authenticate(keys), handler)
    const { port } = await serve(build, { joinDuplicateHeaders: true })
    for (const [, lines] of twice) expect((await sendLines(port, lines)).status).toBe(401)
    expect(handler).not.toHaveBeenCalled()
  })

  it('meet control characters, whether or not the parser lets them through', async () => {
    const verifier = vi.fn(() => someone())
    const build = (app: express.Express) => app.all('/mcp', authenticate(verifier), echo)
    const lenient = await serve(build, { insecureHTTPParser: true })
    const strict = await serve(build)
    for (const control of ['\x01', '\x0b', '\x1f', '\x7f']) {
      const lines = [`Authorization: Bearer ${key}${control}`]
      const { status, challenge } = await sendLines(lenient.port, lines)
      expect(status).toBe(401)
      expect(challenge).toBe('Bearer realm="mcp", error="invalid_token"')
      expect([400, 401]).toContain((await sendLines(strict.port, lines)).status)
    }
    expect(verifier).not.toHaveBeenCalled()
  })
})

describe('a token anywhere else', () => {
  async function withParsers() {
    const handler = vi.fn(echo)
    const server = await serve((app) => {
      app.set('query parser', 'extended')
      app.use(express.json(), express.urlencoded({ extended: true }))
      app.all('/mcp', authenticate(keys), handler)
    })
    return { ...server, handler }
  }
  const json = { 'content-type': 'application/json' }
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const places: [string, string, RequestInit & { headers?: Record<string, string> }][] = [
    ['the query', `?access_token=${key}`, {}],
    ['the query as an array', `?access_token[]=${key}`, {}],
    [
      'a JSON body',
      '',
      { method: 'POST', headers: json, body: JSON.stringify({ access_token: key }) },
    ],
    ['a form body', '', { method: 'POST', headers: form, body: `access_token=${key}` }],
    [
      'body and query',
      `?access_token=${key}`,
      { method: 'POST', headers: form, body: `access_token=${key}` },
    ],
    [
      'other headers',
      '',
      { headers: { 'x-api-key': key, 'proxy-authorization': `Bearer ${key}` } },
    ],
    ['a cookie', '', { headers: { cookie: `access_token=${key}; authorization=Bearer ${key}` } }],
  ]

  it.each(places)('is no token: %s', async (_case, query, init) => {
    const { url, handler } = await withParsers()
    const { status, challenge } = await answer(await fetch(url + query, init))
    expect(status).toBe(401)
    expect(challenge).toBe('Bearer realm="mcp"')
    expect(handler).not.toHaveBeenCalled()
  })

  it.each(places)(
    'neither helps a wrong header nor harms a right one: %s',
    async (_case, query, init) => {
      const { url } = await withParsers()
      const send = async (authorization: string) =>
        answer(await fetch(url + query, { ...init, headers: { ...init.headers, authorization } }))
      const wrong = await send('Bearer wrong')
      expect(wrong.status).toBe(401)
      expect(wrong.challenge).toContain('error="invalid_token"')
      expect(await send('Bearer')).toMatchObject({ status: 401 })
      expect(await send(`Bearer ${key}`)).toMatchObject({
        status: 200,
        body: { principal: 'builder' },
      })
    },
  )
})

describe('the challenge', () => {
  it('quotes and escapes its parameters', async () => {
    const { get } = await start(keys, {
      realm: 'shop "A", error="x\\',
      resourceMetadataUrl: 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp',
      scopes: ['catalog:read', 'orders:read'],
    })
    expect((await get()).challenge).toBe(
      'Bearer realm="shop \\"A\\", error=\\"x\\\\", scope="catalog:read orders:read", ' +
        'resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"',
    )
  })

  it.each([
    ['realm', { realm: 'a\r\nSet-Cookie: b=c' }],
    ['realm', { realm: '' }],
    ['realm', { realm: 7 as unknown as string }],
    ['resourceMetadataUrl', { resourceMetadataUrl: '/.well-known' }],
    ['resourceMetadataUrl', { resourceMetadataUrl: 'javascript:alert(1)' }],
    ['resourceMetadataUrl', { resourceMetadataUrl: 'https://a/\r\nb' }],
    ['scopes', { scopes: ['a b'] }],
    ['scopes', { scopes: ['a"'] }],
    ['scopes', { scopes: 'a' as unknown as string[] }],
    ['maxTokenBytes', { maxTokenBytes: 0 }],
    ['maxTokenBytes', { maxTokenBytes: Number.NaN }],
    ['maxTokenBytes', { maxTokenBytes: '9' as unknown as number }],
  ])('refuses a wrong %s at creation, by name', (option, options) => {
    expect(() => authenticate(keys, options)).toThrow(
      expect.objectContaining({
        code: 'ERR_AUTH_OPTION',
        message: expect.stringContaining(option),
      }),
    )
  })

  it('needs a verifier', () => {
    expect(() => authenticate(undefined as unknown as TokenVerifier)).toThrow(
      expect.objectContaining({ code: 'ERR_AUTH_OPTION' }),
    )
  })
})

describe('a verifier', () => {
  const secret = 'connect redis://:hunter2@10.0.0.7'
  it.each<[string, TokenVerifier]>([
    [
      'throws',
      () => {
        throw new Error(secret)
      },
    ],
    ['rejects', () => Promise.reject(new Error(secret))],
    ['rejects with nothing', () => Promise.reject()],
    [
      'throws null',
      () => {
        throw null
      },
    ],
    [
      "throws 'route', by which Express would skip the next handler",
      () => {
        throw 'route'
      },
    ],
    ["rejects with 'router'", () => Promise.reject('router')],
  ])('that %s ends in the error handler, never in the answer', async (_case, verify) => {
    const behind = vi.fn(echo)
    const { url, errors } = await serve((app) => {
      app.post('/mcp', authenticate(verify), behind)
      app.post('/mcp', behind)
    })
    const init = { method: 'POST', headers: { authorization: 'Bearer x' } }
    const { status, challenge, body } = await answer(await fetch(url, init))
    expect(status).toBe(500)
    expect(challenge).toBeNull()
    expect(JSON.stringify(body)).not.toContain('hunter2')
    expect(errors).toEqual([expect.any(Error)])
    expect(behind).not.toHaveBeenCalled()
  })

  it.each([
    ['a text', 'admin'],
    ['true', true],
    ['no scopes', { token: '', clientId: 'a' }],
    ['scopes as one text', { token: '', clientId: 'a', scopes: 'admin read' }],
    ['scopes that are no texts', { token: '', clientId: 'a', scopes: [1] }],
    ['no client', { token: '', scopes: [] }],
    ['an empty client', { token: '', clientId: '', scopes: [] }],
  ])('that returns %s is a fault of the server, not a caller', async (_case, result) => {
    const { get, errors, handler } = await start((() => result) as unknown as TokenVerifier)
    expect((await get('Bearer x')).status).toBe(500)
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_AUTH_VERIFIER' })])
    expect(handler).not.toHaveBeenCalled()
  })

  it.each([undefined, null, false, 0, ''])('that returns %j refuses the token', async (result) => {
    const { get, handler } = await start((() => result) as unknown as TokenVerifier)
    expect(await get('Bearer x')).toMatchObject({
      status: 401,
      challenge: 'Bearer realm="mcp", error="invalid_token"',
    })
    expect(handler).not.toHaveBeenCalled()
  })

  it('answers each of many requests at the same time with its own caller', async () => {
    const waiting: (() => void)[] = []
    const { get } = await start(async (token) => {
      // Answered in the opposite order, once all are there.
      await new Promise<void>((resolve) => {
        if (waiting.unshift(resolve) === 40) for (const release of waiting) release()
      })
      return token.endsWith('0') ? undefined : someone({ clientId: token })
    })
    const tokens = Array.from({ length: 40 }, (_, index) => `client-${index}`)
    const answers = await Promise.all(tokens.map((token) => get(`Bearer ${token}`)))
    expect(answers.map(({ status, body }) => (status === 200 ? body.principal : status))).toEqual(
      tokens.map((token) => (token.endsWith('0') ? 401 : token)),
    )
  })
})

describe('passport', () => {
  it('leaves nothing on the request', async () => {
    let seen: Request | undefined
    const { url } = await serve((app) =>
      app.get('/mcp', authenticate(keys), (req, res) => {
        seen = req
        res.json({})
      }),
    )
    await fetch(url, { headers: { authorization: `Bearer ${key}` } })
    for (const name of [
      'user',
      'login',
      'logIn',
      'isAuthenticated',
      '_sessionManager',
      'session',
    ]) {
      expect(seen).not.toHaveProperty(name)
    }
  })

  it('is not the one that others in the process configure, nor shared between two middlewares', async () => {
    const strict = await start(keys)
    const lax = await start(() => someone())
    const intruder = new Strategy((_token, done) => done(null, someone({ clientId: 'intruder' })))
    for (const name of ['bearer', 'mcp-bearer']) passport.use(name, intruder)
    expect((await strict.get('Bearer wrong')).status).toBe(401)
    expect(await strict.get(`Bearer ${key}`)).toMatchObject({ body: { principal: 'builder' } })
    expect(await lax.get('Bearer wrong')).toMatchObject({ body: { principal: 'someone' } })
    for (const name of ['bearer', 'mcp-bearer']) passport.unuse(name)
  })
})
