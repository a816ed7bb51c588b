import { describe, expect, it, vi } from 'vitest'
import { apiKeys, generateApiKey, type TokensByForm, tokensByForm } from '../src/index.js'
import { invalid, startEndpoint, valid } from './introspection-server.js'
import { someone } from './serve.js'

const { id, key, hash } = generateApiKey('ci')
const JWT = `eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.${'s'.repeat(86)}`

function asked(kinds: (keyof TokensByForm)[] = ['apiKey', 'jwt', 'opaque']) {
  const verifiers = {
    apiKey: vi.fn(() => someone({ clientId: 'apiKey' })),
    jwt: vi.fn(() => someone({ clientId: 'jwt' })),
    opaque: vi.fn(() => someone({ clientId: 'opaque' })),
  }
  const given = Object.fromEntries(kinds.map((kind) => [kind, verifiers[kind]]))
  const verify = tokensByForm(given)
  return async (token: string) => {
    await verify(token)
    return Object.entries(verifiers).flatMap(([kind, { mock }]) =>
      mock.calls.map((call: unknown[]) => [kind, ...call]),
    )
  }
}

describe('the form of a token alone decides who is asked', () => {
  it.each<[string, string]>([
    ['apiKey', key],
    ['apiKey', 'mcp_a_'],
    ['apiKey', 'mcp_a_x.y.z'],
    ['apiKey', `mcp_a_${JWT}`],
    ['apiKey', 'mcp_eyJ_a.b.c'],
    ['jwt', JWT],
    ['jwt', 'eyJ.a.b'],
    ['jwt', 'eyJhbGciOiJub25lIn0.e30.'],
    ['opaque', 'eyJhbGci'],
    ['opaque', 'eyJ.a'],
    ['opaque', 'eyJ..b'],
    ['opaque', 'eyJ.a.b.c.d'],
    ['opaque', 'eyJ.a.b='],
    ['opaque', 'eyJ.a+.b'],
    ['opaque', ` ${JWT}`],
    ['opaque', `x${JWT}`],
    ['opaque', `${JWT}\n`],
    ['opaque', 'a.b.c'],
    ['opaque', 'EYJ.a.b'],
    ['opaque', 'MCP_ci_secret'],
    ['opaque', 'mcp_ci'],
    ['opaque', 'mcp__secret'],
    ['opaque', 'xmcp_ci_secret'],
    ['opaque', `mcp_${'a'.repeat(65)}_b`],
    ['opaque', 'constructor'],
    ['opaque', ''],
  ])('%s: %s', async (kind, token) => {
    expect(await asked()(token)).toEqual([[kind, token]])
  })
})

describe('where one kind is not accepted', () => {
  it('a JWT is asked about like any other token of the authorization server', async () => {
    expect(await asked(['apiKey', 'opaque'])(JWT)).toEqual([['opaque', JWT]])
  })

  it.each<[(keyof TokensByForm)[], string]>([
    [['jwt', 'opaque'], key],
    [['opaque'], 'mcp_a_x.y.z'],
    [['apiKey'], JWT],
    [['apiKey', 'jwt'], 'opaque'],
    [['jwt'], 'eyJ.a'],
  ])('with %j nobody is asked about %s', async (kinds, token) => {
    await expect(asked(kinds)(token)).rejects.toEqual(invalid('form'))
  })
})

it('asks nobody else about a token that its own verifier refused', async () => {
  const verifiers = { apiKey: vi.fn(), jwt: vi.fn(), opaque: vi.fn() }
  const verify = tokensByForm(verifiers)
  for (const token of [key, JWT, 'opaque']) expect(await verify(token)).toBeUndefined()
  for (const verifier of Object.values(verifiers)) expect(verifier).toHaveBeenCalledTimes(1)
})

it('sends no API key to the authorization server, wrong, expired or unknown as it may be', async () => {
  const server = await startEndpoint((token) => valid({ sub: token }))
  const old = { ...generateApiKey('old'), expiresAt: '2001-01-01T00:00:00Z' }
  const verify = tokensByForm({
    apiKey: apiKeys([
      { id, hash, principal: 'builder', scopes: [] },
      { id: old.id, hash: old.hash, principal: 'p', scopes: [], expiresAt: old.expiresAt },
    ]),
    opaque: server.verifier(),
  })
  expect(await verify(key)).toMatchObject({ extra: { principal: 'builder' } })
  for (const token of [`${key}x`, generateApiKey('ci').key, generateApiKey().key]) {
    expect(await verify(token)).toBeUndefined()
  }
  expect(() => verify(old.key)).toThrow('expired')
  expect(server.questions).toEqual([])
  expect(await verify('opaque')).toMatchObject({ extra: { principal: 'opaque' } })
})

it.each<[string, TokensByForm]>([
  ['tokensByForm', {}],
  ['tokensByForm', { apiKey: undefined }],
  ['jwt', { jwt: 'eyJ' as never }],
  ['opaque', { apiKey: () => undefined, opaque: null as never }],
])('a wrong %s stops the start', (option, verifiers) => {
  const create = () => tokensByForm(verifiers)
  expect(create).toThrow(expect.objectContaining({ code: 'ERR_AUTH_OPTION' }))
  expect(create).toThrow(option)
})
