import { describe, expect, it } from 'vitest'
import { labelOf, nameProblem, suggestName } from '../src/name.js'

describe('the suggested name', () => {
  it.each([
    ['My Server', 'my-server'],
    ['Crème Brûlée', 'cre-me-bru-le-e'],
    ['http', 'my-server'],
    ['日本', 'my-server'],
    ['@Acme/My Server', '@acme/my-server'],
    ['@Big Corp/http', '@big-corp/http'],
    ['@acme/日本', '@acme/my-server'],
    ['@acme/a/../b', '@acme/a-b'],
    ['@acme/a\n/b', '@acme/a-b'],
    ['@acme/', '@acme/my-server'],
    ['@acme', 'acme'],
    ['@/search', 'search'],
    ['@日本/search', 'search'],
    ['../x', 'x'],
    ['', 'my-server'],
    ['@', 'my-server'],
    ['@/', 'my-server'],
    [`@${'s'.repeat(300)}/${'x'.repeat(300)}`, `@${'s'.repeat(60)}/${'x'.repeat(60)}`],
  ])('for %j is %s, which npm takes', (text, expected) => {
    expect(suggestName(text)).toBe(expected)
    expect(nameProblem(expected)).toBeUndefined()
  })
})

describe('the label for Kubernetes', () => {
  it.each([
    ['my-server', 'my-server'],
    ['@acme/search', 'search'],
    ['my_server', 'my-server'],
    ['my.server', 'my-server'],
    ['123', 'mcp-123'],
    ['x'.repeat(200), 'x'.repeat(50)],
    [`${'x'.repeat(49)}-y`, 'x'.repeat(49)],
    ['9'.repeat(60), `mcp-${'9'.repeat(46)}`],
  ])('of %s is %s', (name, expected) => {
    expect(labelOf(name)).toBe(expected)
    expect(`${expected}-production`).toMatch(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/)
  })
})
