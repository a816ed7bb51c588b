import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Selection } from '../../generators/dist/features.js'
import { must, root } from './command.js'
import { type Extra, write } from './written.js'

export interface Project {
  folder: string
  /** The development key of its .env, already known to its keys.json. */
  key: string
}

/** Writes a generated server beside the packages of this clone, so that nothing has to be installed, and compiles it. */
export async function writeServer(
  name: string,
  selection: Selection = {},
  extra: Extra = {},
): Promise<Project> {
  const folder = join(root, 'node_modules', '.cache', `mcp-prod-${name}`)
  await rm(folder, { recursive: true, force: true })
  const key = await write(folder, name, selection, extra)
  await must('npx', ['tsc', '-p', 'tsconfig.build.json'], folder)
  return { folder, key }
}
