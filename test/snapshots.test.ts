import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { featuresOf, type Selection } from '../generators/dist/features.js'
import { renderProject } from '../generators/dist/render.js'
import { root } from './support/command.js'

// What the command writes, to read in a review. That it works is proven in generated-server.test.ts.
const variants: Record<string, Selection> = {
  full: {},
  smallest: { ci: 'none', deploy: 'none', upstream: false, stdio: false },
}
// Of these only what is not the same in the smallest server.
const beside: Record<string, Selection> = {
  jwt: { ...variants.smallest, auth: 'jwt' },
  introspection: { ...variants.smallest, auth: 'introspection', deploy: 'compose' },
  'apikey+jwt': { ...variants.smallest, auth: 'apikey+jwt' },
  tracing: { ...variants.smallest, tracing: true },
  databases: { ...variants.smallest, deploy: 'compose', ci: 'github', postgres: true, redis: true },
  sessions: { ...variants.smallest, sessions: true },
  'sdk-v1': { ...variants.smallest, sdk: 'v1', stdio: true },
}

async function filesOf(selection: Selection) {
  const files = await renderProject({
    name: 'my-server',
    features: { ...featuresOf(selection), vendor: false },
    templates: join(root, 'templates'),
    values: {
      devKey: 'mcp_dev_made-anew-each-time',
      devKeyHash: '0'.repeat(64),
      devClientSecret: 'made-anew-each-time',
      devPassword: 'made-anew-each-time',
      devStateKey: 'made-anew-each-time-and-32-bytes-long',
    },
  })
  // As in the templates, `_` stands for a leading dot: a .gitignore would work here too.
  return new Map(
    [...files].map(([path, { content }]) => [path.replace(/^\./, '_'), content.toString()]),
  )
}

describe.each(Object.entries({ ...variants, ...beside }))('the %s server', (variant, selection) => {
  const folder = join(root, 'test/snapshots', variant)

  it('has the files that are committed', async () => {
    const files = await filesOf(selection)
    const known = variant in beside ? await filesOf(variants.smallest ?? {}) : new Map()
    const snapshots = [...files].filter(([path, content]) => known.get(path) !== content)
    for (const [path, content] of snapshots) {
      await expect(content).toMatchFileSnapshot(join(folder, path))
    }
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    const committed = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    expect(committed.sort()).toEqual(snapshots.map(([path]) => path).sort())
  })
})
