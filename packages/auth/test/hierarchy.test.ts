import { type Call, jsonBody } from '@mcp-prod/rpc'
import { describe, expect, it, vi } from 'vitest'
import { authenticate, authOf, authorize, scopeHierarchy } from '../src/index.js'
import { answer, serve, someone } from './serve.js'

const SCOPES = new Map([
  ['lookup', ['catalog:read']],
  ['update', ['catalog:read', 'catalog:write']],
  ['lookupAll', ['catalogue:read']],
  ['refund', ['orders:write']],
])
const hierarchy = scopeHierarchy([...SCOPES.values()].flat(), { admin: ['*'] })
const scopesOf = ({ method, name = '' }: Call) =>
  method === 'tools/call' ? (SCOPES.get(name) ?? ['tools:unknown']) : []
const call = (name: string, id = 1) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name },
})

/** A server that knows one caller, with these scopes. */
async function start(...scopes: string[]) {
  const handler = vi.fn((req, res) => res.json(authOf(req)?.scopes))
  const { url } = await serve((app) => {
    app.post(
      '/mcp',
      authenticate(() => someone({ scopes }), { hierarchy }),
      jsonBody(),
    )
    app.post('/mcp', authorize(scopesOf), handler)
  })
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    fetch(url, {
      method: 'POST',
      headers: { authorization: 'Bearer x', 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  return { post, handler }
}

describe('a hierarchy in authenticate', () => {
  it.each([
    ['catalog:*', 'update', 200],
    ['catalog:*', 'lookupAll', 403],
    ['catalog:*', 'refund', 403],
    ['admin', 'update', 200],
    ['admin', 'refund', 200],
    ['admin', 'unknown', 403],
    ['admins', 'lookup', 403],
    ['*', 'lookup', 403],
    [':*', 'lookup', 403],
    ['*:read', 'lookup', 403],
    ['catalog:*x', 'lookup', 403],
    ['catalog', 'lookup', 403],
  ])('for a caller who holds %s calling %s: %i', async (held, name, status) => {
    const { post, handler } = await start(held)
    expect((await post(call(name))).status).toBe(status)
    expect(handler).toHaveBeenCalledTimes(status === 200 ? 1 : 0)
  })

  it('shows whoever comes later all scopes that it amounts to', async () => {
    const { post } = await start('admin')
    expect(await (await post(call('lookup'))).json()).toEqual([
      'admin',
      'catalog:read',
      'catalog:write',
      'catalogue:read',
      'orders:write',
    ])
  })

  it('runs nothing of a batch with one entry that it does not cover', async () => {
    const batch = [call('lookup', 1), call('refund', 2), call('update', 3)]
    const { post, handler } = await start('catalog:*')
    const { status, challenge, body } = await answer(await post(batch))
    expect(status).toBe(403)
    expect(challenge).toContain('scope="catalog:read orders:write catalog:write"')
    expect(body.error.data?.requiredScopes).toContain('orders:write')
    expect(handler).not.toHaveBeenCalled()
    expect((await (await start('admin')).post(batch)).status).toBe(200)
  })

  it('goes by the body where Mcp-Name and Mcp-Method lie', async () => {
    const { post, handler } = await start('catalog:*')
    const lie = { 'mcp-name': 'lookup', 'mcp-method': 'tools/list' }
    expect((await post(call('refund'), lie)).status).toBe(403)
    expect(handler).not.toHaveBeenCalled()
    expect((await post(call('lookup'), { 'mcp-name': 'refund' })).status).toBe(200)
  })
})
