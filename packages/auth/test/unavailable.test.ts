import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import {
  type AuthenticateOptions,
  AuthUnavailableError,
  authenticate,
  authOf,
  InvalidTokenError,
  type TokenVerifier,
} from '../src/index.js'
import { startEndpoint, valid } from './introspection-server.js'
import { answer, sendLines, serve, someone } from './serve.js'

const away: TokenVerifier = () => Promise.reject(new AuthUnavailableError('away at 10.0.0.7'))

async function start(verify: TokenVerifier, options: AuthenticateOptions = {}) {
  const handler = vi.fn((req, res) => void res.json(authOf(req)))
  const server = await serve((app) => app.all('/mcp', authenticate(verify, options), handler))
  const get = async (authorization?: string) =>
    answer(await fetch(server.url, { headers: { ...(authorization && { authorization }) } }))
  return { ...server, get, handler }
}

describe('while a token cannot be verified', () => {
  it('the answer is 503, when to come back, and no challenge by which clients throw tokens away', async () => {
    const { get, handler, errors } = await start(away)
    const { status, challenge, headers, body } = await get('Bearer x')
    expect(status).toBe(503)
    expect(challenge).toBeNull()
    expect(headers.get('retry-after')).toBe('1')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('content-type')).toMatch(/^application\/json/)
    expect(body).toEqual({
      jsonrpc: '2.0',
      id: null,
      error: {
        code: 503,
        message: 'Service Unavailable: the token cannot be verified just now; try again later',
        data: { retryAfterSeconds: 1 },
      },
    })
    expect(handler).not.toHaveBeenCalled()
    expect(errors).toEqual([])
  })

  it.each([
    [1, '1'],
    [1000, '1'],
    [1001, '2'],
    [9_500, '10'],
    [-5, '1'],
  ])('%d ms until the next attempt are %s s', async (retryAfterMs, seconds) => {
    const { get } = await start(() => {
      throw new AuthUnavailableError('away', { retryAfterMs })
    })
    expect((await get('Bearer x')).headers.get('retry-after')).toBe(seconds)
  })

  it('an upload is not read: the answer closes the connection', async () => {
    const { port } = await start(away)
    const socket = connect(port, '127.0.0.1')
    const head = [
      'POST /mcp HTTP/1.1',
      'Host: a',
      'Authorization: Bearer x',
      'Content-Length: 999999',
    ]
    socket.write(`${head.join('\r\n')}\r\n\r\n{`)
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk
    })
    await once(socket, 'close')
    expect(received).toMatch(/^HTTP\/1\.1 503 /)
    expect(received).toMatch(/^connection: close\r$/im)
  })

  it('whoever sends no token, or a malformed one, is told so as ever', async () => {
    const { get } = await start(away)
    expect((await get()).status).toBe(401)
    expect((await get('Bearer')).status).toBe(401)
  })

  it('is what a real introspection makes of an outage, and what is over when that is', async () => {
    const endpoint = await startEndpoint((_token, res) => void res.writeHead(500).end())
    const { get } = await start(endpoint.verifier())
    for (let n = 0; n < 7; n++) {
      const { status, headers } = await get(`Bearer token${n}`)
      expect(status).toBe(503)
      expect(headers.get('retry-after')).toBe(n < 5 ? '1' : '10')
    }
    const recovered = await startEndpoint((token) =>
      token === 'good' ? valid() : { active: false },
    )
    const { get: ask } = await start(recovered.verifier())
    expect(await ask('Bearer good')).toMatchObject({ status: 200, body: { clientId: 'alice' } })
    expect(await ask('Bearer bad')).toMatchObject({
      status: 401,
      challenge: 'Bearer realm="mcp", error="invalid_token"',
    })
  })
})

describe('onRefused', () => {
  const verify: TokenVerifier = (token) => {
    if (token === 'expired') throw new InvalidTokenError('expired', { cause: new Error('hunter2') })
    if (token === 'away') throw new AuthUnavailableError('away')
    if (token === 'broken') throw new Error('hunter2')
    return token === 'good' ? someone() : undefined
  }
  const cases: [string[], string | undefined][] = [
    [[], 'missing'],
    [['Authorization: Basic hunter2'], 'missing'],
    [['Authorization: hunter2'], 'missing'],
    [['Authorization: Bearer hunter2 hunter2'], 'malformed'],
    [[`Authorization: Bearer ${'h'.repeat(8193)}`], 'malformed'],
    [['Authorization: Bearer good', 'Authorization: Bearer hunter2'], 'repeated'],
    [['Authorization: Bearer hunter2'], 'unknown'],
    [['Authorization: Bearer expired'], 'expired'],
    [['Authorization: Bearer away'], 'unavailable'],
    [['Authorization: Bearer good'], undefined],
    [['Authorization: Bearer broken'], undefined],
  ]

  it.each(cases)("%j is told as %s, a word that is never the caller's", async (lines, reason) => {
    const onRefused = vi.fn()
    const { port } = await start(verify, { onRefused })
    await sendLines(port, lines)
    expect(onRefused.mock.calls.map(([, word]) => word)).toEqual(reason ? [reason] : [])
    if (reason) expect(onRefused.mock.calls[0]?.[0]).toHaveProperty('url', '/mcp')
  })

  it('tells the operator alone: the answers to all invalid tokens are the same', async () => {
    const { get } = await start(verify)
    const [unknown, expired] = [await get('Bearer hunter2'), await get('Bearer expired')]
    expect(expired.body).toEqual(unknown.body)
    expect(expired.challenge).toBe(unknown.challenge)
    expect(JSON.stringify(expired.body)).not.toMatch(/hunter2|expired/)
  })

  it.each([
    () => {
      throw new Error('disk full')
    },
    () => Promise.reject(new Error('disk full')),
  ])('that fails changes no answer', async (onRefused) => {
    const { get, errors } = await start(verify, { onRefused: onRefused as () => void })
    expect((await get()).status).toBe(401)
    expect((await get('Bearer expired')).status).toBe(401)
    expect((await get('Bearer away')).status).toBe(503)
    expect(errors).toEqual([])
  })
})

describe("a certificate verifier of one's own", () => {
  it('that returns what is no caller is a fault of the server', async () => {
    for (const wrong of [Promise.resolve(someone()), { clientId: 'a', scopes: 'admin' }, 'admin']) {
      const { get, handler, errors } = await start(verify, { certificates: () => wrong as never })
      expect((await get()).status).toBe(500)
      expect(errors).toEqual([expect.objectContaining({ code: 'ERR_AUTH_VERIFIER' })])
      expect(handler).not.toHaveBeenCalled()
    }
  })

  it('that throws lets nobody in', async () => {
    const { get, handler } = await start(verify, {
      certificates: () => {
        throw new Error('hunter2')
      },
    })
    expect((await get()).status).toBe(500)
    expect(handler).not.toHaveBeenCalled()
  })

  it('is not asked where a header says who calls', async () => {
    const certificates = vi.fn(() => someone({ clientId: 'certified' }))
    const { get } = await start(verify, { certificates })
    for (const value of ['Bearer x', 'Bearer', 'Basic x', 'x'])
      expect((await get(value)).status).toBe(401)
    expect(certificates).not.toHaveBeenCalled()
    expect(await get()).toMatchObject({ status: 200, body: { clientId: 'certified' } })
  })

  const verify: TokenVerifier = () => undefined
})

it('takes a caller for one, whatever else a verifier says of it', async () => {
  const { get } = await start(() => Object.assign(someone(), { challenge: 'x', reason: 'x' }))
  expect(await get('Bearer x')).toMatchObject({ status: 200, body: { clientId: 'someone' } })
})

it.each(['hierarchy', 'certificates', 'onRefused'])('a wrong %s stops the start', (option) => {
  for (const wrong of ['x', {}, null]) {
    expect(() => authenticate(() => undefined, { [option]: wrong })).toThrow(
      expect.objectContaining({
        code: 'ERR_AUTH_OPTION',
        message: expect.stringContaining(option),
      }),
    )
  }
})
