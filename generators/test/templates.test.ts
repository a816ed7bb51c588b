import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { choices, type Features, featuresOf } from '../src/features.js'
import { renderProject } from '../src/render.js'

const templates = resolve(import.meta.dirname, '../../templates')
const values = {
  devKey: 'mcp_dev_test',
  devKeyHash: '5e'.repeat(32),
  devClientSecret: 'client-secret-test',
  devPassword: 'password-test',
  devStateKey: 'made-anew-each-time-and-32-bytes-long',
}
const nothing = { upstream: false, stdio: false, ci: 'none', deploy: 'none' }
const pools = { postgres: true, redis: true }

const cases: { auth: string; what: string; features: Features }[] = choices.auth.values.flatMap(
  (auth) => [
    {
      auth,
      what: 'every other feature',
      features: { ...featuresOf({ auth, ...pools, tracing: true }), vendor: true },
    },
    { auth, what: 'the defaults', features: { ...featuresOf({ auth }), vendor: true } },
    {
      auth,
      what: 'no other feature',
      features: { ...featuresOf({ ...nothing, auth }), vendor: false },
    },
  ],
)

describe.each(cases)('the templates with $auth and $what', ({ features }) => {
  const texts = async () => {
    const files = await renderProject({ name: 'my-server', features, templates, values })
    return { files, text: (path: string) => files.get(path)?.content.toString() ?? '' }
  }

  it('render', async () => {
    const { files, text } = await texts()
    const { name, scripts } = JSON.parse(text('package.json'))
    expect(name).toBe('my-server')
    expect(scripts).toHaveProperty('build')
    expect(files.get('.env')?.mode).toBe(0o600)
    expect(text('.gitignore')).toMatch(/^\.env$/m)
    for (const [path, { content }] of files) {
      expect(`${path}: ${content}`).not.toMatch(/(\/\/|#|<!--) \+[a-z]+( -->)?$/m)
    }
  })

  it('have what the end of the run tells to use', async () => {
    const { text } = await texts()
    const { scripts } = JSON.parse(text('package.json'))
    expect(scripts).toHaveProperty('dev')
    expect(Object.hasOwn(scripts, 'auth-server')).toBe(features.oauth)
    expect(text('.env').includes(`MCP_DEV_API_KEY=${values.devKey}\n`)).toBe(features.apikey)
    expect(text('.env').includes('http://localhost:8080/mcp')).toBe(features.oauth)
  })

  it('have secrets in .env alone, and none without its feature', async () => {
    const { files } = await texts()
    const holding = (secret: string) =>
      [...files].filter(([, { content }]) => content.includes(secret)).map(([path]) => path)
    const env = (isOn = false) => (isOn ? ['.env'] : [])
    expect(holding(values.devKey)).toEqual(env(features.apikey))
    expect(holding(values.devKeyHash)).toEqual(features.apikey ? ['keys.json'] : [])
    // With jwt the server itself asks nothing of the authorization server.
    if (features.introspection) expect(holding(values.devClientSecret)).toEqual(['.env'])
    expect(env(features.oauth)).toEqual(expect.arrayContaining(holding(values.devClientSecret)))
    expect(holding(values.devPassword)).toEqual(env(features.postgres))
  })
})
