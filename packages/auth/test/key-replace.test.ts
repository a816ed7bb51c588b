import { createHash, timingSafeEqual } from 'node:crypto'
import { describe, expect, it, vi } from 'vitest'
import { type ApiKey, apiKeys, authenticate, generateApiKey, parseApiKeys } from '../src/index.js'
import { serve } from './serve.js'

// The real functions, observed: what work was done is not visible from outside.
vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof import('node:crypto')>()
  return {
    ...crypto,
    createHash: vi.fn(crypto.createHash),
    timingSafeEqual: vi.fn(crypto.timingSafeEqual),
  }
})

function made(id: string, fields: Partial<ApiKey> = {}) {
  const { key, hash } = generateApiKey(id)
  return { key, entry: { id, hash, principal: `p-${id}`, scopes: [], ...fields } }
}
const [old, fresh] = [made('old'), made('fresh')]

describe('replace', () => {
  it('takes effect with the next request', async () => {
    const keys = apiKeys([old.entry])
    const { url } = await serve((app) => {
      app.get('/mcp', authenticate(keys), (_req, res) => void res.json({}))
    })
    const status = async (key: string) =>
      (await fetch(url, { headers: { authorization: `Bearer ${key}` } })).status
    expect([await status(old.key), await status(fresh.key)]).toEqual([200, 401])
    keys.replace([fresh.entry])
    expect([await status(old.key), await status(fresh.key)]).toEqual([401, 200])
    keys.replace([old.entry, fresh.entry])
    expect([await status(old.key), await status(fresh.key)]).toEqual([200, 200])
  })

  it('gives a key that stays what the new list says of it', async () => {
    const keys = apiKeys([{ ...old.entry, scopes: ['admin'], tenant: 'acme' }])
    expect(await keys(old.key)).toMatchObject({ scopes: ['admin'], extra: { tenant: 'acme' } })
    keys.replace([{ ...old.entry, expiresAt: '2001-01-01T00:00:00Z' }])
    expect(() => keys(old.key)).toThrow(expect.objectContaining({ reason: 'expired' }))
    keys.replace([old.entry])
    expect(await keys(old.key)).toMatchObject({ scopes: [], extra: { principal: 'p-old' } })
  })

  it.each<[string, unknown]>([
    ['an empty list', []],
    ['no list', {}],
    ['nothing', undefined],
    ['a list with one fault', [fresh.entry, { ...old.entry, hash: 'abc' }]],
    ['what a prototype says', [Object.create(fresh.entry)]],
    ['a key twice', [fresh.entry, fresh.entry]],
  ])('with %s leaves the present keys as they are', async (_case, list) => {
    const keys = apiKeys([old.entry])
    expect(() => keys.replace(list as ApiKey[])).toThrow(
      expect.objectContaining({ code: 'ERR_AUTH_KEYS' }),
    )
    expect(await keys(old.key)).toMatchObject({ clientId: 'old' })
    expect(await keys(fresh.key)).toBeUndefined()
  })

  it('keeps a copy: what is done to the list later does nothing', async () => {
    const keys = apiKeys([old.entry])
    const list = [{ ...fresh.entry, scopes: ['a'] }]
    keys.replace(list)
    list[0]?.scopes.push('admin')
    list.length = 0
    expect(await keys(fresh.key)).toMatchObject({ scopes: ['a'] })
  })
})

describe('a tenant', () => {
  it('goes with the key, and is absent where none was given', async () => {
    const keys = apiKeys([{ ...old.entry, tenant: 'acme' }, fresh.entry])
    expect((await keys(old.key))?.extra).toStrictEqual({ principal: 'p-old', tenant: 'acme' })
    expect((await keys(fresh.key))?.extra).toStrictEqual({ principal: 'p-fresh' })
  })

  it.each(['', 'a\nb', '\u2028', 'a'.repeat(257), 7, null, ['acme']])('is no %j', (tenant) => {
    expect(() => parseApiKeys(JSON.stringify([{ ...old.entry, tenant }]))).toThrow(
      'keys[0].tenant must be 1 to 256 printable characters',
    )
  })
})

it('does the same work for an unknown id, a wrong secret, an expired key and a right one', async () => {
  const ended = made('ended', { expiresAt: '2001-01-01T00:00:00Z' })
  const keys = apiKeys([old.entry, ended.entry])
  const work = async (token: string) => {
    vi.clearAllMocks()
    // The expired one throws what it is.
    await Promise.resolve(token)
      .then(keys)
      .catch(() => {})
    const compared = vi
      .mocked(timingSafeEqual)
      .mock.calls.map((sides) => sides.map(({ byteLength }) => byteLength))
    return [vi.mocked(createHash).mock.calls, compared]
  }
  const wrong = generateApiKey('old').key
  for (const token of [old.key, wrong, fresh.key, ended.key, 'mcp_constructor_x', 'x', '']) {
    expect(await work(token)).toEqual([[['sha256']], [[32, 32]]])
  }
})

it('takes a key only in its own place for one that was disclosed, and names like one for names', () => {
  const names = { principal: 'mcp_prod_reader', tenant: 'mcp_eu_1', scopes: ['mcp_tools_read'] }
  expect(parseApiKeys(JSON.stringify([{ ...old.entry, ...names }]))).toMatchObject([names])
  for (const text of [old.key, `Bearer ${old.key}`, `"${old.key}"`]) {
    for (const field of ['id', 'hash', 'principal', 'tenant', 'expiresAt']) {
      const parse = () => parseApiKeys(JSON.stringify([{ ...old.entry, [field]: text }]))
      expect(parse).toThrow(`keys[0].${field} holds a key`)
      expect(parse).not.toThrow(old.key)
    }
  }
})
