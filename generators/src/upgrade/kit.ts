import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type JsonObject, parseObject } from '../json.js'
import { isVersion } from '../version.js'
import { readOwn } from './own.js'

const maxManifestBytes = 1024 * 1024

/** Whether the project has the kit's packages as tarballs in vendor/, and not from the registry. */
export async function isVendored(project: string): Promise<boolean> {
  const own = await readOwn(project, 'package.json', maxManifestBytes)
  if (own.kind !== 'file') return false
  try {
    const { dependencies, devDependencies } = parseObject(own.content.toString(), 'package.json')
    const all = { ...(dependencies as JsonObject), ...(devDependencies as JsonObject) }
    return Object.entries(all).some(
      ([name, spec]) => name.startsWith('@mcp-prod/') && String(spec).startsWith('file:vendor/'),
    )
  } catch {
    // The user is in the middle of something; what the registry form has to say is as good.
    return false
  }
}

/** Empty tarballs of these versions: both templates then name them as the project does, and neither reads them. */
export async function emptyTarballs(
  directory: string,
  versions: Record<string, string>,
): Promise<string> {
  await mkdir(directory)
  for (const [name, version] of Object.entries(versions)) {
    if (!isVersion(version)) throw new Error(`kit/versions.json: ${name} has no version`)
    const file = `${name.slice(1).replace('/', '-')}-${version}.tgz`
    await writeFile(join(directory, file), '')
  }
  return directory
}
