import { createHash, timingSafeEqual } from 'node:crypto'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type ApiKey, apiKeys, generateApiKey, hashApiKey, parseApiKeys } from '../src/index.js'

// The real functions, observed: whether a comparison happened at all is not visible from outside.
vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof import('node:crypto')>()
  return { ...crypto, timingSafeEqual: vi.fn(crypto.timingSafeEqual) }
})

afterEach(() => vi.useRealTimers())

const entry = (fields: Partial<Record<string, unknown>> = {}, id?: string) => {
  const { key: _key, ...kept } = generateApiKey(id)
  return { ...kept, principal: 'alice', scopes: ['catalog:read'], ...fields }
}

function thrownBy(parse: () => unknown): Error {
  try {
    parse()
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toHaveProperty('code', 'ERR_AUTH_KEYS')
    // A cause would be logged along, and can quote the text.
    expect(error).not.toHaveProperty('cause')
    return error as Error
  }
  throw new Error('no fault was found')
}

const faultsOf = (list: unknown) => thrownBy(() => parseApiKeys(JSON.stringify(list))).message

describe('generateApiKey', () => {
  it('makes a key that names its id and holds 32 random bytes, and its SHA-256', () => {
    const { id, key, hash } = generateApiKey('build-7')
    expect(id).toBe('build-7')
    const secret = /^mcp_build-7_([A-Za-z0-9_-]{43})$/.exec(key)?.[1] ?? ''
    expect(Buffer.from(secret, 'base64url')).toHaveLength(32)
    expect(hash).toBe(createHash('sha256').update(key).digest('hex'))
    expect(hashApiKey(key)).toBe(hash)
  })

  it('never makes the same id or key twice', () => {
    const made = Array.from({ length: 1000 }, () => generateApiKey())
    expect(new Set(made.flatMap(({ id, key }) => [id, key])).size).toBe(2000)
  })

  it.each(['', 'a_b', 'a b', 'é', 'a'.repeat(65), '__proto__', 'a\n'])(
    'refuses the id %j',
    (id) => {
      expect(() => generateApiKey(id)).toThrow(expect.objectContaining({ code: 'ERR_AUTH_OPTION' }))
    },
  )
})

describe('parseApiKeys', () => {
  it('reads what it needs, and hashes in capitals', () => {
    const first = entry({ expiresAt: '2027-01-31T08:00:00+01:00' })
    const second = entry({ scopes: [] })
    expect(
      parseApiKeys(JSON.stringify([first, { ...second, hash: second.hash.toUpperCase() }])),
    ).toEqual([first, second])
  })

  it('lists every fault at once, by index and field', () => {
    const good = entry()
    const message = faultsOf([
      good,
      {
        ...entry(),
        id: 'a_b',
        hash: 'abc',
        principal: '',
        scopes: 'catalog:read',
        expiresAt: 'soon',
      },
      { ...entry(), id: good.id },
      { ...entry(), hash: good.hash.toUpperCase() },
      'text',
      null,
      [],
      {},
    ])
    expect(message.split('\n- ').slice(1)).toEqual([
      expect.stringMatching(/^keys\[1\]\.id must/),
      expect.stringMatching(/^keys\[1\]\.hash must/),
      expect.stringMatching(/^keys\[1\]\.principal must/),
      expect.stringMatching(/^keys\[1\]\.scopes must/),
      expect.stringMatching(/^keys\[1\]\.expiresAt must/),
      'keys[4] must be an object',
      'keys[5] must be an object',
      'keys[6] must be an object',
      expect.stringMatching(/^keys\[7\]\.id must/),
      expect.stringMatching(/^keys\[7\]\.hash must/),
      expect.stringMatching(/^keys\[7\]\.principal must/),
      expect.stringMatching(/^keys\[7\]\.scopes must/),
      'keys[2].id repeats keys[0].id',
      'keys[3].hash repeats keys[0].hash',
    ])
  })

  it('tells what to do about a key where its hash belongs, or anywhere else, and shows none', () => {
    const { id, key, hash } = generateApiKey()
    const message = faultsOf([
      { id, hash: key, principal: 'p', scopes: [] },
      { id: key, hash, principal: ` ${key}`, scopes: [key] },
      { ...entry(), [key]: 1 },
      { ...entry(), hash: `sha256:${hash}` },
    ])
    expect(message).toContain(
      'keys[0].hash holds a key; the list takes only its hash, hashApiKey(key)',
    )
    for (const field of [
      '[1].id',
      '[1].principal',
      '[1].scopes',
      '[2] has an unknown field\n',
      '[3].hash',
    ]) {
      expect(message).toContain(`keys${field}`)
    }
    expect(message).not.toContain(key.slice(-20))
    expect(message).not.toContain(hash.slice(0, 20))
  })

  it('quotes nothing of a text that is no JSON', () => {
    const { key } = generateApiKey()
    for (const json of [key, `[{"id":"a","hash":${key}}]`, `["${key}"`, '']) {
      expect(thrownBy(() => parseApiKeys(json)).message).toBe(
        '@mcp-prod/auth: the API keys are not usable:\n- the text is not valid JSON',
      )
    }
  })

  it.each([[[]], [{}], [null], ['text'], [{ keys: [entry()] }]])(
    'refuses a list that is none: %j',
    (list) => {
      expect(faultsOf(list)).toMatch(/the list is (empty|not an array)/)
    },
  )

  it('refuses a mistyped field, without which a key would live for ever', () => {
    expect(faultsOf([entry({ expires: '2027-01-31T00:00:00Z' })])).toContain(
      'unknown field "expires"',
    )
    expect(() =>
      parseApiKeys(
        `[${JSON.stringify(entry()).replace('{', '{"__proto__":{"scopes":["admin"]},')}]`,
      ),
    ).toThrow('unknown field "__proto__"')
  })

  it.each([
    '',
    'soon',
    '1',
    1900000000,
    null,
    '2027-01-31',
    '2027-01-31T00:00:00',
    '2027-01-31 00:00:00Z',
    '2027-02-30T00:00:00Z',
    '2027-02-29T00:00:00Z',
    '2027-13-01T00:00:00Z',
    '2027-00-10T00:00:00Z',
    '2027-01-00T00:00:00Z',
    '2027-01-31T24:00:00Z',
    '2027-01-31T00:60:00Z',
    '2027-01-31T00:00:00+25:00',
    'Sun, 31 Jan 2027 00:00:00 GMT',
    ' 2027-01-31T00:00:00Z',
    '2027-01-31T00:00:00Z\n',
  ])('refuses the date %j', (expiresAt) => {
    expect(faultsOf([entry({ expiresAt })])).toContain('keys[0].expiresAt must be an ISO 8601')
  })

  it.each([
    '2027-01-31T00:00:00Z',
    '2028-02-29T23:59:59.123Z',
    '2027-01-31T00:00:00.000000001-11:30',
  ])('takes the date %s', (expiresAt) => {
    const list = parseApiKeys(JSON.stringify([entry({ expiresAt })]))
    expect(list[0]?.expiresAt).toBe(expiresAt)
  })

  it.each([['a\nb'], ['\u202eadmin'], ['a'.repeat(257)], [7]])(
    'refuses the principal %j',
    (principal) => {
      expect(faultsOf([entry({ principal })])).toContain('keys[0].principal must')
    },
  )

  it.each([[['a b']], [['']], [['a"b']], [['a\\b']], [[1]], [{}], [null]])(
    'refuses scopes %j',
    (scopes) => {
      expect(faultsOf([entry({ scopes })])).toContain('keys[0].scopes must')
    },
  )

  it('takes a key that has expired, so that a date never stops a restart', () => {
    expect(
      parseApiKeys(JSON.stringify([entry({ expiresAt: '2001-01-01T00:00:00Z' })])),
    ).toHaveLength(1)
  })
})

describe('apiKeys', () => {
  it('checks its list as parseApiKeys does', () => {
    expect(() => apiKeys([])).toThrow(expect.objectContaining({ code: 'ERR_AUTH_KEYS' }))
    expect(() => apiKeys([entry({ hash: 'abc' }) as ApiKey])).toThrow('keys[0].hash')
    expect(() => apiKeys([entry({}, 'same'), entry({}, 'same')])).toThrow(
      'keys[1].id repeats keys[0].id',
    )
  })

  it('takes several keys of one principal, each with its own scopes', async () => {
    const old = generateApiKey('alice-1')
    const fresh = generateApiKey('alice-2')
    const verify = apiKeys([
      { id: old.id, hash: old.hash, principal: 'alice', scopes: ['a'] },
      { id: fresh.id, hash: fresh.hash, principal: 'alice', scopes: ['b'] },
    ])
    expect(await verify(old.key)).toMatchObject({ clientId: 'alice-1', scopes: ['a'] })
    expect(await verify(fresh.key)).toMatchObject({ clientId: 'alice-2', scopes: ['b'] })
    expect(await verify(fresh.key.replace('alice-2', 'alice-1'))).toBeUndefined()
  })

  it('reads the clock at each use and refuses a key from its expiry on', async () => {
    const expiresAt = '2027-01-31T00:00:00.500Z'
    const { id, key, hash } = generateApiKey()
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse(expiresAt) - 1 })
    const verify = apiKeys([{ id, hash, principal: 'p', scopes: [], expiresAt }])
    expect(await verify(key)).toMatchObject({
      expiresAt: Date.parse('2027-01-31T00:00:00Z') / 1000,
    })
    vi.setSystemTime(Date.parse(expiresAt))
    expect(() => verify(key)).toThrow(expect.objectContaining({ reason: 'expired' }))
    expect(await verify(`${key}x`)).toBeUndefined()
  })

  it('compares once whatever the key, so that time does not tell which ids exist', async () => {
    const { id, key, hash } = generateApiKey('known')
    const verify = apiKeys([{ id, hash, principal: 'p', scopes: [] }])
    const compare = vi.mocked(timingSafeEqual)
    for (const token of [
      key,
      `${key}x`,
      generateApiKey('known').key,
      generateApiKey('other').key,
      'x',
      '',
    ]) {
      compare.mockClear()
      expect((await verify(token)) !== undefined).toBe(token === key)
      expect(compare).toHaveBeenCalledTimes(1)
      for (const side of compare.mock.calls[0] ?? []) expect(side.byteLength).toBe(32)
    }
  })

  it('is not changed by a later change of the list', async () => {
    const { id, key, hash } = generateApiKey()
    const scopes = ['a']
    const list: ApiKey[] = [{ id, hash, principal: 'p', scopes }]
    const verify = apiKeys(list)
    scopes.push('admin')
    list.length = 0
    expect(await verify(key)).toMatchObject({ scopes: ['a'] })
  })
})
