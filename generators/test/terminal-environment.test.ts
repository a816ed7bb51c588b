import { describe, expect, it } from 'vitest'
import { cleanEnvironment } from '../src/environment.js'

describe('npm in a run that another package manager started', () => {
  it('does not take its packages from the registry that Yarn 1 has for itself', () => {
    for (const url of ['https://registry.yarnpkg.com', 'https://registry.yarnpkg.com/']) {
      expect(cleanEnvironment({ npm_config_registry: url, PATH: '/bin' })).toEqual({ PATH: '/bin' })
    }
    const own = { npm_config_registry: 'https://registry.example.com/yarnpkg.com' }
    expect(cleanEnvironment(own)).toEqual(own)
  })

  it('is free of the hook by which Yarn finds packages, and keeps what the user set', () => {
    const hook =
      '--require /tmp/dlx-1/.pnp.cjs --experimental-loader file:///tmp/dlx-1/.pnp.loader.mjs'
    const quoted =
      '--require "/tmp/a b/.pnp.cjs" --experimental-loader "file:///tmp/a%20b/.pnp.loader.mjs"'
    for (const yarn of [hook, quoted]) {
      const options = `--max-old-space-size=512 ${yarn} --enable-source-maps`
      const { NODE_OPTIONS = '' } = cleanEnvironment({ NODE_OPTIONS: options })
      expect(NODE_OPTIONS.split(/ +/)).toEqual(['--max-old-space-size=512', '--enable-source-maps'])
    }
    const own = { NODE_OPTIONS: '--require ./mine.cjs' }
    expect(cleanEnvironment(own)).toEqual(own)
  })
})
