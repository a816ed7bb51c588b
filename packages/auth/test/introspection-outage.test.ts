import type { ServerResponse } from 'node:http'
import { describe, expect, it, vi } from 'vitest'
import { AuthUnavailableError, introspectedTokens } from '../src/index.js'
import { stopClock } from './clock.js'
import { type Reply, startEndpoint, unavailable, valid } from './introspection-server.js'

const status =
  (code: number, headers: Record<string, string> = {}): Reply =>
  (_token, res) =>
    void res.writeHead(code, headers).end('{"active":true}')
const failureOf = (promise: Promise<unknown>) => promise.then(String, (error) => error)

describe('what is no answer', () => {
  it.each<[string, Reply]>([
    ['a missing active', () => valid({ active: undefined })],
    ['active as text', () => valid({ active: 'true' })],
    ['active as a number', () => valid({ active: 1 })],
    ['a list', () => [valid()]],
    ['null', () => 'null'],
    ['HTML', () => '<html>Log in</html>'],
    ['NaN, which is no JSON', () => '{"active":true,"exp":NaN}'],
    ['half an answer', (_token, res) => void res.write('{"active":true', () => res.destroy())],
    ['nothing', (_token, res) => void res.destroy()],
    ['more than anybody has to say', () => valid({ x: 'x'.repeat(65_536) })],
    ['an answer without an end', (_token, res) => flood(res)],
    ...[201, 204, 400, 401, 403, 404, 429, 500, 502, 503].map((code): [string, Reply] => [
      `status ${code}`,
      status(code),
    ]),
  ])('neither accepts a token nor refuses it: %s', async (_case, reply) => {
    const server = await startEndpoint(reply)
    const verify = server.verifier()
    expect(await failureOf(verify('token'))).toEqual(unavailable)
    expect(server.failures).toHaveLength(1)
    expect(server.failures[0]?.message).not.toContain('hunter2')
    // The check speaks of the server; these may be about the token, see below.
    const isOfToken = /answered (400|403|429)/.test(String(server.failures[0]))
    if (isOfToken) verify.check()
    else expect(() => verify.check()).toThrow(server.failures[0])
    // It is not remembered either.
    server.answer(() => valid())
    expect(await verify('token')).toMatchObject({ clientId: 'alice' })
    verify.check()
  })

  it('tells a wrong secret from an outage, for the operator alone', async () => {
    const server = await startEndpoint(status(401))
    const error = await failureOf(server.verifier()('token'))
    expect(server.failures[0]?.message).toMatch(
      /answered 401.*does it know clientId and clientSecret/,
    )
    expect(error.message).toBe('@mcp-prod/auth: the token could not be introspected')
  })

  it.each([301, 302, 303, 307, 308])(
    'is a redirect: %i takes neither secret nor token along',
    async (code) => {
      const elsewhere = await startEndpoint()
      const server = await startEndpoint(
        status(code, { location: `${elsewhere.issuer}/introspect` }),
      )
      for (const clientAuthentication of ['basic', 'post'] as const) {
        expect(await failureOf(server.verifier({ clientAuthentication })('token'))).toEqual(
          unavailable,
        )
      }
      expect(server.questions).toHaveLength(2)
      expect(elsewhere.questions).toEqual([])
    },
  )

  it('ends within timeoutMs when the server hangs, before its answer or in the middle of it', async () => {
    const server = await startEndpoint((token, res) => {
      if (token === 'half') res.writeHead(200).write('{"active":true')
    })
    const verify = server.verifier({ timeoutMs: 100 })
    for (const token of ['silent', 'half']) {
      const started = performance.now()
      expect(await failureOf(verify(token))).toEqual(unavailable)
      expect(performance.now() - started).toBeLessThan(4_000)
    }
    for (const { message } of server.failures) expect(message).toContain('within 100 ms')
  })

  it('does not become another failure by an onFailure that fails', async () => {
    const server = await startEndpoint(status(500))
    const onFailure = vi
      .fn()
      .mockImplementationOnce(() => {
        throw new Error('disk full')
      })
      .mockRejectedValueOnce(new Error('disk full'))
    const verify = server.verifier({ onFailure })
    for (const token of ['a', 'b']) expect(await failureOf(verify(token))).toEqual(unavailable)
    expect(onFailure).toHaveBeenCalledTimes(2)
  })
})

describe('the breaker', () => {
  it('asks no more after five failures in a row, and then once in ten seconds, alone', async () => {
    const clock = stopClock()
    const server = await startEndpoint(status(500))
    const verify = server.verifier()
    for (let n = 0; n < 5; n++) await failureOf(verify(`t${n}`))
    expect(server.questions).toHaveLength(5)

    clock.advance(4_000)
    const refused = await failureOf(verify('t5'))
    expect(refused).toEqual(unavailable)
    expect(refused.retryAfterSeconds).toBe(6)
    clock.advance(5_999)
    await failureOf(verify('t5'))
    expect(server.questions).toHaveLength(5)
    expect(server.failures).toHaveLength(5)

    // The one that tries hangs; nobody waits for it.
    const { held, release } = server.hold(1, valid())
    clock.advance(1)
    const probe = verify('probe')
    const others = await Promise.all(
      Array.from({ length: 100 }, (_, n) => failureOf(verify(`other${n}`))),
    )
    expect(others.every((error) => error instanceof AuthUnavailableError)).toBe(true)
    await held
    expect(server.questions).toHaveLength(6)
    expect(() => verify.check()).toThrow('answered 500')
    release()
    expect(await probe).toMatchObject({ clientId: 'alice' })

    await Promise.all(Array.from({ length: 20 }, (_, n) => verify(`after${n}`)))
    expect(server.questions).toHaveLength(26)
    verify.check()
  })

  it('waits ten seconds more when the one that tried has failed', async () => {
    const clock = stopClock()
    const server = await startEndpoint(status(500))
    const verify = server.verifier()
    for (let n = 0; n < 5; n++) await failureOf(verify(`t${n}`))
    for (let round = 1; round <= 3; round++) {
      clock.advance(10_000)
      for (let n = 0; n < 5; n++) await failureOf(verify(`round${round}-${n}`))
      expect(server.questions).toHaveLength(5 + round)
    }
  })

  it('counts only failures in a row, and no token that is refused', async () => {
    const server = await startEndpoint((token, res) =>
      token.startsWith('good')
        ? valid()
        : token === 'bad'
          ? { active: false }
          : status(500)(token, res),
    )
    const verify = server.verifier({ refusedCacheMs: 0 })
    for (let n = 0; n < 4; n++) await failureOf(verify(`t${n}`))
    await verify('good')
    for (let n = 0; n < 4; n++) await failureOf(verify(`t${n}`))
    for (let n = 0; n < 10; n++) await failureOf(verify('bad'))
    expect(await verify('good2')).toMatchObject({ clientId: 'alice' })
  })

  it('cannot be opened by tokens whose text a server or its firewall dislikes, nor does the check go down', async () => {
    for (const code of [400, 403, 406, 413, 422, 429]) {
      const server = await startEndpoint((token, res) =>
        token === 'good' ? valid() : status(code)(token, res),
      )
      const verify = server.verifier()
      for (let n = 0; n < 6; n++) {
        expect(await failureOf(verify(`../../etc/passwd${n}`))).toEqual(unavailable)
      }
      expect(server.failures).toHaveLength(6)
      verify.check()
      expect(await verify('good')).toMatchObject({ clientId: 'alice' })
    }
  })

  it('opens where the server rejects this server itself, so that it is not locked out, and the check tells', async () => {
    const server = await startEndpoint(status(401))
    const verify = server.verifier()
    for (let n = 0; n < 8; n++) await failureOf(verify(`t${n}`))
    expect(server.questions).toHaveLength(5)
    expect(() => verify.check()).toThrow('does it know clientId and clientSecret?')
  })

  it('is not made to forget an outage by a token of a stranger', async () => {
    const server = await startEndpoint(status(401))
    const verify = server.verifier()
    await failureOf(verify('token'))
    server.answer(status(403))
    await failureOf(verify('../../etc/passwd'))
    expect(() => verify.check()).toThrow('answered 401')
    server.answer(() => ({ active: false }))
    await failureOf(verify('another'))
    verify.check()
  })

  it('serves what is still cached while it is open', async () => {
    const server = await startEndpoint()
    const verify = server.verifier()
    await verify('known')
    server.answer(status(500))
    for (let n = 0; n < 6; n++) await failureOf(verify(`t${n}`))
    expect(await verify('known')).toMatchObject({ clientId: 'alice' })
  })
})

describe('the metadata', () => {
  const metadata = (issuer: string, res: ServerResponse) =>
    void res.end(JSON.stringify({ issuer, introspection_endpoint: `${issuer}/introspect` }))

  it('is asked again with each attempt of the breaker, and its failure is told', async () => {
    const clock = stopClock()
    const server = await startEndpoint(status(500))
    const verify = server.verifier({ endpoint: undefined })
    for (let n = 0; n < 7; n++) {
      expect(await failureOf(verify(`t${n}`))).toEqual(unavailable)
      clock.advance(1_000)
    }
    expect(server.failures).toHaveLength(5)
    expect(server.failures[0]?.message).toContain(server.issuer)
    server.answer((token, res) => (token === '' ? metadata(server.issuer, res) : valid()))
    clock.advance(8_000)
    expect(await verify('token')).toMatchObject({ clientId: 'alice' })
  })

  it.each(['javascript:alert(1)', 'file:///etc/passwd', '/introspect', 7])(
    'names no endpoint by %j',
    async (introspection_endpoint) => {
      const server = await startEndpoint(
        (_token, res) =>
          void res.end(JSON.stringify({ issuer: server.issuer, introspection_endpoint })),
      )
      expect(await failureOf(server.verifier({ endpoint: undefined })('token'))).toEqual(
        unavailable,
      )
      expect(server.failures[0]?.message).toContain('introspection_endpoint')
    },
  )
})

it.each<[string, object]>([
  ['issuer', { issuer: 'idp.example.com' }],
  ['audience', { audience: '' }],
  ['audience', { audience: [] }],
  ['clientId', { clientId: '' }],
  ['clientSecret', { clientSecret: '' }],
  ['clientSecret', { clientSecret: undefined }],
  ['clientSecret', { clientSecret: 987654321 }],
  ['clientAuthentication', { clientAuthentication: 'none' }],
  ['endpoint', { endpoint: 'https://user:hunter2@idp.example.com/' }],
  ['cacheMs', { cacheMs: -1 }],
  ['cacheMs', { cacheMs: Number.NaN }],
  ['refusedCacheMs', { refusedCacheMs: 0.5 }],
  ['maxCached', { maxCached: 0 }],
  ['maxCached', { maxCached: Number.POSITIVE_INFINITY }],
  ['onFailure', { onFailure: 'log' }],
  ['timeoutMs', { timeoutMs: 0 }],
])('a wrong %s stops the start, and no secret is shown: %j', (option, wrong) => {
  const options = { issuer: 'https://idp.example.com', audience: 'a', clientId: 'mcp' }
  const create = () => introspectedTokens({ ...options, clientSecret: 'hunter2', ...wrong })
  expect(create).toThrow(expect.objectContaining({ code: 'ERR_AUTH_OPTION' }))
  expect(create).toThrow(option)
  expect(create).not.toThrow(/hunter2|987654321/)
})

function flood(res: ServerResponse): void {
  const more = () => {
    while (!res.destroyed && res.write(' '.repeat(16_384)));
  }
  res.on('drain', more)
  more()
}
