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

describe.each(Object.entries(variants))('the files of the %s server', (variant, selection) => {
  const folder = join(root, 'test/snapshots', variant)

  it('are those committed', async () => {
    const files = await renderProject({
      name: 'my-server',
      features: { ...featuresOf(selection), vendor: false },
      templates: join(root, 'templates'),
      values: { devKey: 'mcp_dev_made-anew-each-time', devKeyHash: '0'.repeat(64) },
    })
    // As in the templates, `_` stands for a leading dot: a .gitignore would work here too.
    const snapshots = new Map([...files].map(([path, file]) => [path.replace(/^\./, '_'), file]))
    for (const [path, { content }] of snapshots) {
      await expect(content.toString()).toMatchFileSnapshot(join(folder, path))
    }
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    const committed = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    expect(committed.sort()).toEqual([...snapshots.keys()].sort())
  })
})
