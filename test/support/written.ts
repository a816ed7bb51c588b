import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { generateApiKey } from '@mcp-prod/auth'
import { featuresOf, type Selection } from '../../generators/dist/features.js'
import { renderProject } from '../../generators/dist/render.js'
import { root } from './command.js'

/** Files to lay over those of a server, by their path: their text, or what to make of the text that is there. */
export type Extra = Record<string, string | ((text: string) => string)>

/** Writes a generated server into a folder, and gives the development key of its `.env`. */
export async function write(
  folder: string,
  name: string,
  selection: Selection = {},
  extra: Extra = {},
): Promise<string> {
  const { key, hash } = generateApiKey('dev')
  const files = await renderProject({
    name,
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
  const put = async (path: string, content: string | Buffer, mode?: number) => {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content, { mode })
  }
  for (const [path, { content, mode }] of files) await put(path, content, mode)
  for (const [path, change] of Object.entries(extra)) {
    const text = files.get(path)?.content.toString() ?? ''
    await put(path, typeof change === 'string' ? change : change(text))
  }
  return key
}
