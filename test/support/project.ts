import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { generateApiKey } from '@mcp-prod/auth'
import { featuresOf, type Selection } from '../../generators/dist/features.js'
import { renderProject } from '../../generators/dist/render.js'
import { must, root } from './command.js'

export interface Project {
  folder: string
  /** The development key of its .env, already known to its keys.json. */
  key: string
}

/**
 * Writes a generated server beside the packages of this clone, so that nothing has to be installed, and compiles it.
 * `extra` are files laid over it by their path, or what to make of the file that is there.
 */
export async function writeServer(
  name: string,
  selection: Selection = {},
  extra: Record<string, string | ((text: string) => string)> = {},
): Promise<Project> {
  const folder = join(root, 'node_modules', '.cache', `mcp-prod-${name}`)
  await rm(folder, { recursive: true, force: true })
  const { key, hash } = generateApiKey('dev')
  const files = await renderProject({
    name,
    features: { ...featuresOf(selection), vendor: false },
    templates: join(root, 'templates'),
    values: {
      devKey: key,
      devKeyHash: hash,
      devClientSecret: 'made-anew',
      devPassword: 'made-anew',
      devStateKey: 'made-anew-each-time-and-32-bytes-long',
    },
  })
  const contents = new Map([...files].map(([path, { content }]) => [path, content.toString()]))
  for (const [path, change] of Object.entries(extra)) {
    contents.set(path, typeof change === 'string' ? change : change(contents.get(path) ?? ''))
  }
  for (const [path, content] of contents) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
  await must('npx', ['tsc', '-p', 'tsconfig.build.json'], folder)
  return { folder, key }
}
