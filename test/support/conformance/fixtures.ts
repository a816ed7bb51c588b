import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Selection } from '../../../generators/dist/features.js'
import { root } from '../command.js'
import { type Project, writeServer } from '../project.js'

const folder = join(root, 'packages/tools/test/support/conformance')

/** A generated server whose tools, resources and prompts are those that the suite calls; everything in front of them is as written. */
export async function writeConformant(name: string, selection: Selection): Promise<Project> {
  const files: Record<string, string> = {}
  for (const file of await readdir(folder)) {
    if (file === 'server.ts') continue
    files[`src/conformance/${file}`] = await readFile(join(folder, file), 'utf8')
  }
  for (const list of ['tools', 'resources', 'prompts'])
    files[`src/${list}/index.ts`] = `export { ${list} } from '../conformance/${list}.js'\n`
  return writeServer(name, selection, files)
}
