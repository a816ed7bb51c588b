import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { featuresOf } from '../src/features.js'
import { renderProject } from '../src/render.js'

const templates = resolve(import.meta.dirname, '../../templates')
const values = { devKey: 'mcp_dev_test', devKeyHash: '00' }

describe('the templates', () => {
  it.each([
    ['every feature', { ...featuresOf({}), vendor: true }],
    [
      'no feature',
      {
        ...featuresOf({ upstream: false, stdio: false, ci: 'none', deploy: 'none' }),
        vendor: false,
      },
    ],
  ])('render with %s', async (_, features) => {
    const files = await renderProject({ name: 'my-server', features, templates, values })
    const { name, scripts } = JSON.parse(files.get('package.json')?.content.toString() ?? '')
    expect(name).toBe('my-server')
    expect(scripts).toHaveProperty('build')
    expect(files.get('.env')?.mode).toBe(0o600)
    expect(files.get('.gitignore')?.content.toString()).toMatch(/^\.env$/m)
    for (const [path, { content }] of files) {
      expect(`${path}: ${content}`).not.toMatch(/(\/\/|#|<!--) \+[a-z]+( -->)?$/m)
    }
  })
})
