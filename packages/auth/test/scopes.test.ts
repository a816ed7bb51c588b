import { describe, expect, it } from 'vitest'
import { scopeHierarchy } from '../src/index.js'

const KNOWN = ['catalog:read', 'catalog:write', 'catalogue:read', 'catalog', 'orders:items:read']
const added = (held: string[], implies = {}, known: Iterable<string> = KNOWN) =>
  scopeHierarchy(known, implies)(held).filter((scope) => !held.includes(scope))

describe('a scope that ends in :*', () => {
  it('includes the known scopes of its family, and nothing that only looks like it', () => {
    expect(added(['catalog:*'])).toEqual(['catalog:read', 'catalog:write'])
    expect(added(['orders:*'])).toEqual(['orders:items:read'])
    expect(added(['orders:items:*'])).toEqual(['orders:items:read'])
    expect(added(['orders:*', 'catalog:*'])).toHaveLength(3)
  })

  it.each([
    '*',
    ':*',
    '*:*',
    '*:read',
    'c*',
    'c:*',
    'cat*',
    'catalog*',
    'catalog:*x',
    'catalog:**',
    'catalog:re*',
    'catalog::*',
    'catalog:read:*',
    'Catalog:*',
    'orders:*:read',
    'orders:item:*',
    '.*:*',
    'catalog:',
    'catalog',
    'catalog:*,orders:*',
    '__proto__:*',
    '',
  ])('is none: %j', (held) => {
    expect(added([held])).toEqual([])
  })

  it('includes what begins with a colon only where somebody named a scope so', () => {
    expect(added([':*'], {}, [':read', 'catalog:read'])).toEqual([':read'])
  })
})

describe('implied scopes', () => {
  it.each<[string, Record<string, string[]>, string[]]>([
    ['all', { admin: ['*'] }, KNOWN],
    ['one', { admin: ['catalog:read'] }, ['catalog:read']],
    ['a family', { admin: ['catalog:*'] }, ['catalog:read', 'catalog:write']],
    ['a chain', { admin: ['editor'], editor: ['viewer'], viewer: ['catalog'] }, ['catalog']],
    [
      'a chain through a family',
      { admin: ['orders:*'], 'orders:items:read': ['catalog'] },
      ['orders:items:read', 'catalog'],
    ],
    ['a circle', { admin: ['b'], b: ['admin', 'catalog'] }, ['catalog']],
    ['itself', { admin: ['admin'] }, []],
    ['nothing', { admin: [] }, []],
    ['what nobody needs', { admin: ['unheard:of'] }, []],
    ['all and more', { admin: ['viewer', '*'], viewer: ['unheard:of'] }, KNOWN],
  ])('include %s', (_case, implies, expected) => {
    expect(added(['admin'], implies).sort()).toEqual([...expected].sort())
    expect(added(['Admin', 'admin:read', 'adm', 'administrator'], implies)).toEqual([])
  })

  it('stay what they are for a family that is itself in the list', () => {
    const implies = { 'catalog:*': ['orders:items:read'] }
    expect(added(['catalog:*'], implies)).toEqual([
      'orders:items:read',
      'catalog:read',
      'catalog:write',
    ])
  })

  it('are no names that every object has', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      expect(scopeHierarchy(KNOWN, { admin: ['catalog'] })([name])).toEqual([name])
    }
    const implies = JSON.parse('{"__proto__":["catalog"],"constructor":["catalog:read"]}')
    expect(added(['__proto__'], implies)).toEqual(['catalog'])
    expect(added(['constructor'], implies)).toEqual(['catalog:read'])
    expect(added(['admin'], implies)).toEqual([])
  })
})

it('keeps what is held, in its order and once, and leaves the list alone', () => {
  const held = Object.freeze(['x', 'catalog:*', 'x', 'constructor']) as string[]
  const effective = scopeHierarchy(KNOWN)(held)
  expect(effective).toEqual(['x', 'catalog:*', 'constructor', 'catalog:read', 'catalog:write'])
  expect(scopeHierarchy([])(held)).toEqual(['x', 'catalog:*', 'constructor'])
})

it('is not slowed down by how much a token holds and an operator knows', () => {
  const numbers = Array.from({ length: 20_000 }, (_, n) => n)
  const expand = scopeHierarchy(numbers.map((n) => `family${n}:read`))
  const started = performance.now()
  expect(expand(numbers.map((n) => `family${n}:*`))).toHaveLength(40_000)
  // Some 30 ms. To hold each scope against each known one, 400 million times, takes ten seconds.
  expect(performance.now() - started).toBeLessThan(5_000)
})

it.each<[string, unknown, unknown]>([
  ['known', 'catalog:read', {}],
  ['known', ['a b'], {}],
  ['known', [''], {}],
  ['known', [7], {}],
  ['implies["admin"]', KNOWN, { admin: 'catalog:read' }],
  ['implies["admin"]', KNOWN, { admin: ['a b'] }],
  ['implies["admin"]', KNOWN, { admin: null }],
  ['implies["a b"]', KNOWN, { 'a b': ['catalog'] }],
])('a wrong %s stops the start: %j %j', (option, known, implies) => {
  const create = () => scopeHierarchy(known as string[], implies as Record<string, string[]>)
  expect(create).toThrow(expect.objectContaining({ code: 'ERR_AUTH_OPTION' }))
  expect(create).toThrow(option)
})
