import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Selection } from '../../generators/dist/features.js'
import { must, root } from './command.js'
import { write } from './written.js'

/**
 * A generated server in a folder of its own, as a repository, that finds what this clone has installed: its own scripts
 * run there, and nothing has to be installed.
 */
export async function lay(selection: Selection = {}) {
  const home = await mkdtemp(join(tmpdir(), 'mcp-prod-laid-'))
  const folder = join(home, 'my-server')
  await write(folder, 'my-server', selection)
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  // Biome leaves out what git ignores, and asks git.
  await must('git', ['init', '--quiet'], folder)
  await must('git', ['add', '--all'], folder)
  return { folder, remove: () => rm(home, { recursive: true, force: true, maxRetries: 3 }) }
}
