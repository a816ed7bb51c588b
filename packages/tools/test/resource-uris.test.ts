import { describe, expect, it } from 'vitest'
import { defineResource, defineResourceTemplate, definitionsOf } from '../src/index.js'
import { ask, eras } from './asking.js'
import { serve } from './support.js'

const file = defineResourceTemplate({
  name: 'file',
  uriTemplate: 'files://{name}',
  run: ({ variables: { name } }) => `read ${name}`,
})
const tree = defineResourceTemplate({
  name: 'tree',
  uriTemplate: 'tree://root/{+path}',
  run: ({ variables: { path } }) => `read ${path}`,
})
const search = defineResourceTemplate({
  name: 'search',
  uriTemplate: 'search://all{?q}',
  dangerouslyFreeText: ['q'],
  run: ({ variables: { q } }) => `found ${q}`,
})

const outOfPlace = [
  'files://..',
  'files://.',
  'files://%2e%2e',
  'files://..%2f..%2fetc%2fpasswd',
  'files://..%2F..%2Fetc%2Fpasswd',
  'files://a%2fb',
  'files://a%5cb',
  'files://a\\b',
  'files://%252e%252e%252fetc',
  'files://a%00.txt',
  'files://%c0%ae%c0%ae',
  'files://%ff',
  'files://%e0%80%af',
  'files://%',
  'files://%u002e',
  'files://\ud800',
  'files://\uff0e\uff0e\uff0fetc',
  'files://\u2025',
  'files://a\u202etxt',
  'files://%20..%20',
  'files:///etc/passwd',
  'tree://root/../etc',
  'tree://root/a/../../etc',
  'tree://root/a/%2e%2e/b',
  'tree://root//etc',
  'tree://root/%2Fetc',
  'tree://root/a/..',
  'tree://root/a\\..\\b',
  'tree://root/a/\uff0e\uff0e/b',
  'tree://root/a?b',
  'tree://root/',
]

describe.each(eras)('a URI that leads out of its place, %s era', (era) => {
  it('names nothing, however it is written', async () => {
    const { url } = await serve([], { resources: [file, tree] })
    for (const uri of outOfPlace) {
      const { error, text } = await ask(url, era, 'resources/read', { uri })
      // Half a pair of surrogates cannot even be sent in the header that must repeat it.
      const codes = uri.includes('\ud800') ? [-32602, -32020] : [-32602]
      expect(codes, uri).toContain(error?.code)
      expect(text, uri).not.toContain('read ')
    }
  })

  it('is no worse for being long', async () => {
    const { url } = await serve([], { resources: [file, tree] })
    const uri = `files://${'a'.repeat(5000)}`
    const { error, text } = await ask(url, era, 'resources/read', { uri })
    expect(error?.code).toBe(-32602)
    expect(text.length).toBeLessThan(500)
  })

  it('may have any text where that was said to be no path', async () => {
    const { url } = await serve([], { resources: [search] })
    const uri = `search://all?q=${encodeURIComponent('../a b/&=é')}`
    const { result } = await ask(url, era, 'resources/read', { uri })
    expect(result.contents[0].text).toBe('found ../a b/&=é')
  })
})

describe('scopes', () => {
  const run = ({ uri }: { uri: string }) => `secret of ${uri}`
  const guarded = defineResource({ name: 'keys', uri: 'files://keys', scopes: ['admin'], run })

  it('of a fixed resource must not be got around by a template without them', () => {
    expect(() => definitionsOf({ resources: [file, guarded] })).toThrow(
      expect.objectContaining({
        code: 'ERR_TOOLS_OPTION',
        message: expect.stringContaining('"file" matches files://keys of resource "keys"'),
      }),
    )
  })

  it('are decided on the resource that is read, however its name is written', async () => {
    const loose = defineResourceTemplate({
      name: 'loose',
      uriTemplate: 'files://{name}',
      scopes: ['admin', 'user'],
      run: ({ variables: { name } }) => `loose ${name}`,
    })
    const own = defineResource({ name: 'cafe', uri: 'files://caf\u00e9', scopes: ['admin'], run })
    const definitions = definitionsOf({ resources: [loose, guarded, own] })
    for (const name of ['files://keys', 'files://%6beys', 'files://%6B%65%79%73']) {
      const call = { method: 'resources/read', name }
      expect(definitions.nameOf(call)).toBe('resource:keys')
      expect(definitions.scopesOf(call)).toEqual(['admin'])
    }
    for (const name of ['files://caf\u00e9', 'files://caf%C3%A9', 'files://cafe\u0301'])
      expect(definitions.nameOf({ method: 'resources/read', name })).toBe('resource:cafe')
    expect(definitions.nameOf({ method: 'resources/read', name: 'FILES://keys' })).toBeUndefined()
    const { url } = await serve([], { resources: [loose, guarded, own] }, ['admin'])
    const { result } = await ask(url, 'modern', 'resources/read', { uri: 'files://%6beys' })
    expect(result.contents[0].text).toBe('secret of files://keys')
  })

  it('of every template that matches are needed, whichever is first', async () => {
    const wide = defineResourceTemplate({
      name: 'wide',
      uriTemplate: 'docs://{name}',
      run: ({ variables: { name } }) => `wide ${name}`,
    })
    const narrow = defineResourceTemplate({
      name: 'narrow',
      uriTemplate: 'docs://internal-{name}',
      scopes: ['internal'],
      run: ({ variables: { name } }) => `narrow ${name}`,
    })
    const { url } = await serve([], { resources: [wide, narrow] })
    for (const era of eras) {
      const denied = await ask(url, era, 'resources/read', { uri: 'docs://internal-plan' })
      expect(denied.error).toMatchObject({ code: 403, data: { requiredScopes: ['internal'] } })
      const open = await ask(url, era, 'resources/read', { uri: 'docs://plan' })
      expect(open.result.contents[0].text).toBe('wide plan')
    }
  })

  it('are nobody’s who only knows a name of a prototype', () => {
    const definitions = definitionsOf({ resources: [file] })
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      for (const method of ['tools/call', 'prompts/get', 'resources/read', 'completion/complete']) {
        const params = { ref: { type: 'ref/prompt', name } }
        expect(definitions.find({ method, name, params })).toBeUndefined()
        expect(definitions.scopesOf({ method, name, params })).toEqual([])
      }
    }
  })
})

it('has variables of any name as its own', async () => {
  const odd = defineResourceTemplate({
    name: 'odd',
    uriTemplate: 'odd://{__proto__}/{constructor}',
    run: ({ variables }) => Object.entries(variables).join(' '),
  })
  const { url } = await serve([], { resources: [odd] })
  const { result } = await ask(url, 'legacy', 'resources/read', { uri: 'odd://a/b' })
  expect(result.contents[0].text).toBe('__proto__,a constructor,b')
})

it('costs no more than its length to match', () => {
  const template = defineResourceTemplate({
    name: 'many',
    uriTemplate: 'm://{a}-{b}-{c}-{d}-{e}/{+f}.x',
    run: () => '',
  })
  const { find } = definitionsOf({ resources: [template] })
  const started = performance.now()
  for (const text of ['-'.repeat(2000), 'a-'.repeat(1000), `a-b-c-d-e/${'.x'.repeat(990)}y`])
    expect(find({ method: 'resources/read', name: `m://${text}` })).toBeUndefined()
  // With backtracking between the five it takes minutes.
  expect(performance.now() - started).toBeLessThan(5000)
})

it.each([
  ['{a}', 'must begin with a scheme'],
  ['x://{a}{b}', 'nothing tells where {a} ends'],
  ['x://{a}{+b}', 'nothing tells where {a} ends'],
  ['x://{+a}/{+b}', 'more than one {+…}'],
  ['x://{a}/{a}', 'a variable twice'],
  ['x://{?a}/b', '{?…} must be the last'],
  ['x://{#a}', 'no expression known here'],
  ['x://{a', 'no expression known here'],
  ['x://{a,b}', 'write one each'],
  ['x://fixed', 'no variable'],
])('refuses the template %s', (uriTemplate, problem) => {
  expect(() => defineResourceTemplate({ name: 't', uriTemplate, run: () => '' })).toThrow(
    expect.objectContaining({
      code: 'ERR_TOOLS_OPTION',
      message: expect.stringContaining(problem),
    }),
  )
})

it.each(['app', 'config://a b', 'x://{a}', 'https://user:pw@example.com/', ''])(
  'refuses the fixed URI %j',
  (uri) => {
    expect(() => defineResource({ name: 'r', uri, run: () => '' })).toThrow(
      expect.objectContaining({ code: 'ERR_TOOLS_OPTION' }),
    )
  },
)
