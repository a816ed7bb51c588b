import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { hashApiKey } from '@mcp-prod/auth'
import { featuresOf } from '../../../generators/dist/features.js'
import { renderProject } from '../../../generators/dist/render.js'
import { must, root } from '../command.js'
import type { Secrets } from './secrets.js'

/** Beside the packages of this clone, so that nothing has to be installed. */
const folder = join(root, 'node_modules', '.cache', 'mcp-prod-fuzz')

/** Writes the generated server that takes both API keys and JWTs, with every tool of the templates. */
export async function writeProject(
  secrets: Pick<Secrets, 'key' | 'clientSecret'>,
): Promise<string> {
  await rm(folder, { recursive: true, force: true })
  const files = await renderProject({
    name: 'fuzzed',
    features: { ...featuresOf({ auth: 'apikey+jwt' }), vendor: false },
    templates: join(root, 'templates'),
    values: {
      devKey: secrets.key,
      devKeyHash: hashApiKey(secrets.key),
      devClientSecret: secrets.clientSecret,
      devPassword: 'made-anew-each-time',
      devStateKey: 'made-anew-each-time-and-32-bytes-long',
    },
  })
  for (const [path, { content }] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
  return folder
}

export async function compileProject(folder: string): Promise<void> {
  await must('npx', ['tsc', '-p', 'tsconfig.build.json'], folder)
}
