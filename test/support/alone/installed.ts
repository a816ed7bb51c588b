import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

export interface Installed {
  /** `name@version` of each package, and where it lies. */
  packages: Map<string, string>
  bytes: number
}

/** What `npm install` has put into a folder, without what is in `base` as well. */
export async function installedIn(folder: string, base?: Installed): Promise<Installed> {
  const text = await readFile(join(folder, 'node_modules/.package-lock.json'), 'utf8')
  const lock: { packages: Record<string, { version: string }> } = JSON.parse(text)
  const packages = new Map<string, string>()
  let bytes = 0
  for (const [path, { version }] of Object.entries(lock.packages)) {
    const id = `${path.slice(path.lastIndexOf('node_modules/') + 13)}@${version}`
    if (base?.packages.has(id)) continue
    packages.set(id, path)
    bytes += await bytesOf(join(folder, path))
  }
  return { packages, bytes }
}

/** The files of one package, without the packages inside it. */
async function bytesOf(folder: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && entry.name !== 'node_modules') bytes += await bytesOf(path)
    if (entry.isFile()) bytes += (await stat(path)).size
  }
  return bytes
}
