import { type Call, jsonBody } from '@mcp-prod/rpc'
import { extractWWWAuthenticateParams } from '@modelcontextprotocol/sdk/client/auth.js'
import type { AuthInfo as ClientAuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js'
import { describe, expect, expectTypeOf, it, vi } from 'vitest'
import {
  type AuthInfo,
  apiKeys,
  authenticate,
  authOf,
  authorize,
  generateApiKey,
} from '../src/index.js'
import { answer, serve } from './serve.js'

const SCOPES = new Map([
  ['lookup', ['catalog:read']],
  ['refund', ['orders:write', 'payments:write']],
])
const scopesOf = ({ method, name = '' }: Call) =>
  method === 'tools/call' ? (SCOPES.get(name) ?? ['tools:unknown']) : []
const call = (name: string, id: number | undefined = 1, method = 'tools/call') => ({
  jsonrpc: '2.0',
  ...(id !== undefined && { id }),
  method,
  params: { name, arguments: {} },
})
const metadata = 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp'

async function start(scopes: string[], decide: (call: Call) => readonly string[] = scopesOf) {
  const { id, key, hash } = generateApiKey()
  const handler = vi.fn((_req, res) => res.json({ ran: true }))
  const server = await serve((app) => {
    app.use(authenticate(apiKeys([{ id, hash, principal: 'p', scopes }])), jsonBody())
    app.use(authorize(decide, { resourceMetadataUrl: metadata }), handler)
  })
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    fetch(server.url, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  return { ...server, post, handler, key }
}

describe('authorize', () => {
  it('lets a call pass whose scopes are held', async () => {
    const { post, handler } = await start(['catalog:read'])
    expect((await post(call('lookup'))).status).toBe(200)
    expect((await post({ jsonrpc: '2.0', id: 1, method: 'tools/list' })).status).toBe(200)
    expect(handler).toHaveBeenCalledTimes(2)
  })

  it('answers a lack with 403, all scopes the call needs and the id of the request', async () => {
    const { post, handler } = await start(['catalog:read', 'orders:write'])
    const { status, challenge, headers, body } = await answer(await post(call('refund', 7)))
    expect(status).toBe(403)
    expect(challenge).toBe(
      `Bearer realm="mcp", error="insufficient_scope", scope="orders:write payments:write", resource_metadata="${metadata}"`,
    )
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body).toEqual({
      jsonrpc: '2.0',
      id: 7,
      error: {
        code: 403,
        message: expect.stringMatching(/^Forbidden/),
        data: { requiredScopes: ['orders:write', 'payments:write'] },
      },
    })
    expect(handler).not.toHaveBeenCalled()
  })

  it.each([
    ['a prefix', 'orders'],
    ['more of it', 'orders:write:all'],
    ['another case', 'Orders:Write'],
    ['a wildcard', '*'],
    ['a part', 'write'],
  ])('compares whole scopes: %s is not enough', async (_case, held) => {
    const { post, handler } = await start([held, 'payments:write'])
    expect((await post(call('refund'))).status).toBe(403)
    expect(handler).not.toHaveBeenCalled()
  })

  it.each([
    ['last', [call('lookup', 1), call('lookup', 2), call('refund', 3)]],
    ['first', [call('refund', 1), call('lookup', 2)]],
    ['a notification', [call('lookup', 1), { ...call('refund'), id: undefined }]],
    [
      'among entries that are no calls',
      [1, null, { jsonrpc: '2.0', id: 1, result: {} }, call('refund')],
    ],
  ])('runs nothing of a batch with one forbidden entry: %s', async (_case, batch) => {
    const { post, handler } = await start(['catalog:read'])
    const { status, challenge, body } = await answer(await post(batch))
    expect(status).toBe(403)
    expect(challenge).toContain('orders:write payments:write')
    expect(body).toMatchObject({ id: null, error: { code: 403 } })
    expect(handler).not.toHaveBeenCalled()
  })

  it('names each scope of a batch once', async () => {
    const { post } = await start([])
    const { body } = await answer(
      await post([call('lookup', 1), call('refund', 2), call('lookup', 3)]),
    )
    expect(body.error.data).toEqual({
      requiredScopes: ['catalog:read', 'orders:write', 'payments:write'],
    })
  })

  it('lets a batch pass whose every entry is allowed', async () => {
    const { post } = await start(['catalog:read', 'orders:write', 'payments:write'])
    expect((await post([call('lookup', 1), call('refund', 2)])).status).toBe(200)
  })

  it('refuses a notification like a request', async () => {
    const { post } = await start(['catalog:read'])
    expect((await post({ ...call('refund'), id: undefined })).status).toBe(403)
  })

  it.each(['2025-06-18', '2026-07-28', undefined])(
    'believes the body and never Mcp-Name or Mcp-Method (version header %s)',
    async (version) => {
      const { post, handler } = await start(['catalog:read'])
      const era: Record<string, string> = version ? { 'mcp-protocol-version': version } : {}
      const lie = { ...era, 'mcp-name': 'lookup', 'mcp-method': 'tools/list' }
      expect((await post(call('refund'), lie)).status).toBe(403)
      expect(handler).not.toHaveBeenCalled()
      const humble = { ...era, 'mcp-name': 'refund', 'mcp-method': 'tools/call' }
      expect((await post(call('lookup'), humble)).status).toBe(200)
    },
  )

  it.each(['unknown', '__proto__', 'constructor', 'Lookup', 'lookup ', ''])(
    'gives an unregistered name %j no scopes by accident',
    async (name) => {
      const { post } = await start(['catalog:read'])
      expect((await post(call(name))).status).toBe(403)
    },
  )

  it('keeps a caller from writing the challenge where names become scopes', async () => {
    const { post } = await start([], ({ name = '' }) => ['tools:call', `tool:${name}`])
    for (const name of ['x", error="none', 'a\r\nSet-Cookie: b=c', 'a b', 'ключ', 'x\\']) {
      const { status, challenge, headers, body } = await answer(await post(call(name)))
      expect(status).toBe(403)
      expect(challenge).toContain(', scope="tools:call", ')
      expect(headers.get('set-cookie')).toBeNull()
      expect(body.error.data?.requiredScopes).toEqual(['tools:call', `tool:${name}`])
    }
  })

  it('is understood by an MCP client', async () => {
    const { post, url } = await start([])
    expect(extractWWWAuthenticateParams(await post(call('refund')))).toEqual({
      error: 'insufficient_scope',
      scope: 'orders:write payments:write',
      resourceMetadataUrl: new URL(metadata),
    })
    expect(extractWWWAuthenticateParams(await fetch(url))).toEqual({})
  })

  it('answers 401 where nobody authenticated the request', async () => {
    const handler = vi.fn()
    const { url } = await serve((app) => app.use(jsonBody(), authorize(scopesOf), handler))
    const headers = { 'content-type': 'application/json' }
    const init = { method: 'POST', headers, body: JSON.stringify(call('lookup', 3)) }
    const { status, challenge, body } = await answer(await fetch(url, init))
    expect(status).toBe(401)
    expect(challenge).toBe('Bearer realm="mcp"')
    expect(body).toMatchObject({ id: 3, error: { code: 401 } })
    expect((await fetch(url)).status).toBe(401)
    expect(handler).not.toHaveBeenCalled()
  })

  it('refuses scopes in one text, which another middleware may have set', async () => {
    const handler = vi.fn()
    const { url } = await serve((app) => {
      app.use((req, _res, next) => {
        Object.assign(req, { auth: { token: '', clientId: 'a', scopes: 'catalog:readonly' } })
        next()
      })
      app.use(jsonBody(), authorize(scopesOf), handler)
    })
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body: JSON.stringify(call('lookup')),
    })
    expect(response.status).toBe(403)
    expect(handler).not.toHaveBeenCalled()
  })

  it('stops a POST whose body nobody parsed, and lets a request without one pass', async () => {
    const { id, key, hash } = generateApiKey()
    const handler = vi.fn((_req, res) => res.json({}))
    const { url, errors } = await serve((app) => {
      app.use(authenticate(apiKeys([{ id, hash, principal: 'p', scopes: [] }])))
      app.use(authorize(scopesOf), handler)
    })
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    expect(
      (await fetch(url, { method: 'POST', headers, body: JSON.stringify(call('refund')) })).status,
    ).toBe(500)
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_AUTH_ORDER' })])
    expect(handler).not.toHaveBeenCalled()
    expect((await fetch(url, { headers })).status).toBe(200)
  })

  it.each<[string, unknown]>([
    [
      'throws',
      () => {
        throw new Error('map')
      },
    ],
    ['returns undefined', () => undefined],
    ['returns one text', () => 'catalog:read'],
    ['returns a promise', async () => []],
  ])('runs nothing when scopesOf %s', async (_case, decide) => {
    const { post, handler, errors } = await start(['catalog:read'], decide as typeof scopesOf)
    expect((await post(call('lookup'))).status).toBe(500)
    expect(errors).toHaveLength(1)
    expect(handler).not.toHaveBeenCalled()
  })

  it('gives each request scopes of its own', async () => {
    const { id, key, hash } = generateApiKey()
    const keys = apiKeys([{ id, hash, principal: 'p', scopes: ['catalog:read'] }])
    const { url } = await serve((app) => {
      app.use(authenticate(keys), (req, res) => {
        const scopes = authOf(req)?.scopes
        res.json([...(scopes ?? [])])
        scopes?.push('orders:write')
      })
    })
    const headers = { authorization: `Bearer ${key}` }
    for (let i = 0; i < 2; i++) {
      expect(await (await fetch(url, { headers })).json()).toEqual(['catalog:read'])
    }
  })

  it.each([
    ['scopesOf', () => authorize(undefined as unknown as typeof scopesOf)],
    ['realm', () => authorize(scopesOf, { realm: 'a\nb' })],
    ['resourceMetadataUrl', () => authorize(scopesOf, { resourceMetadataUrl: 'mcp.example.com' })],
  ])('refuses a wrong %s at creation, by name', (option, create) => {
    expect(create).toThrow(
      expect.objectContaining({
        code: 'ERR_AUTH_OPTION',
        message: expect.stringContaining(option),
      }),
    )
  })
})

it("has the SDK's AuthInfo as its own", () => {
  expectTypeOf<AuthInfo>().toEqualTypeOf<ClientAuthInfo>()
})
