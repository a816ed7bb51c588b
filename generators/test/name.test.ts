import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { featuresOf } from '../src/features.js'
import { labelOf, nameProblem, newNameProblem, suggestName } from '../src/name.js'
import { renderProject } from '../src/render.js'

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
    ['Redis', 'redis-server'],
    ['@acme/proxy', '@acme/proxy-server'],
    ['', 'my-server'],
    ['@', 'my-server'],
    ['@/', 'my-server'],
    [`@${'s'.repeat(300)}/${'x'.repeat(300)}`, `@${'s'.repeat(60)}/${'x'.repeat(60)}`],
  ])('for %j is %s, which npm takes', (text, expected) => {
    expect(suggestName(text)).toBe(expected)
    expect(nameProblem(expected)).toBeUndefined()
  })
})

it.each(['redis', '@acme/proxy', 'Auth.Server'.toLowerCase(), 'grafana'])(
  'cannot be that of what stands beside the server: %s',
  (name) => {
    expect(newNameProblem(name)).toContain('compose.yaml has a service')
    expect(newNameProblem(name, false)).toBeUndefined()
    // A project that has one already, as it was made without compose.yaml.
    expect(nameProblem(name)).toBeUndefined()
  },
)

it('can be that of any service that compose.yaml has not', async () => {
  const everything = { postgres: true, redis: true, auth: 'apikey+jwt' }
  const files = await renderProject({
    name: 'my-server',
    features: { ...featuresOf(everything), vendor: false },
    templates: fileURLToPath(new URL('../../templates', import.meta.url)),
    values: {
      devKey: 'x',
      devKeyHash: 'x',
      devClientSecret: 'x',
      devPassword: 'x',
      devStateKey: 'x',
    },
  })
  const composed = [...files].filter(([path]) => /^compose.*\.yaml$/.test(path))
  expect(composed.length).toBeGreaterThan(1)
  const names = composed.flatMap(([, { content }]) =>
    Object.keys(parse(content.toString()).services),
  )
  const beside = names.filter((name) => name !== 'my-server')
  expect(beside.length).toBeGreaterThan(5)
  for (const name of beside) expect(newNameProblem(name), name).toContain(`a service ${name} `)
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
