import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { generateApiKey } from '@mcp-prod/auth'
import { featuresOf, type Selection } from '../../generators/dist/features.js'
import { renderProject } from '../../generators/dist/render.js'
import { must, root } from './command.js'

/**
 * A generated server in a folder of its own, as a repository, that finds what this clone has installed: its own scripts
 * run there, and nothing has to be installed.
 */
export async function lay(selection: Selection = {}) {
  const home = await mkdtemp(join(tmpdir(), 'mcp-prod-laid-'))
  const folder = join(home, 'my-server')
  const { key, hash } = generateApiKey('dev')
  const files = await renderProject({
    name: 'my-server',
    features: { ...featuresOf(selection), vendor: false },
    templates: join(root, 'templates'),
    values: {
      devKey: key,
      devKeyHash: hash,
      devClientSecret: 'made-anew-each-time-by-the-command',
      devPassword: 'made-anew',
      devStateKey: 'made-anew-each-time-and-32-bytes-long',
    },
  })
  for (const [path, { content, mode }] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content, { mode })
  }
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  // Biome leaves out what git ignores, and asks git.
  await must('git', ['init', '--quiet'], folder)
  await must('git', ['add', '--all'], folder)
  return { folder, remove: () => rm(home, { recursive: true, force: true, maxRetries: 3 }) }
}
