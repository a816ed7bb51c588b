import { cp, mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { must, root } from '../command.js'

export interface Tarball {
  /** Where its files are unpacked. */
  folder: string
  /** Paths of its files, in order. */
  files: string[]
}

/** Packs what the registry would be given, and unpacks it as an install does: by the folder's name. */
export async function packAll(into: string): Promise<Map<string, Tarball>> {
  const names = await readdir(join(root, 'packages'))
  const workspaces = names.flatMap((name) => ['-w', `@mcp-prod/${name}`])
  await pack(workspaces, root, join(into, 'kit'))
  // Its prepack script puts files beside its sources, where other tests do the same meanwhile.
  const copy = join(into, 'copy')
  await copyOfGenerators(copy, names)
  await pack([], join(copy, 'generators'), join(into, 'command'))
  const tarballs = new Map<string, Tarball>()
  for (const folder of [join(into, 'kit'), join(into, 'command')]) {
    for (const file of await readdir(folder)) {
      const name = file.replace(/^mcp-prod-|-\d.*$/g, '')
      tarballs.set(name, await unpack(join(folder, file), join(into, 'unpacked', name)))
    }
  }
  return tarballs
}

async function pack(options: string[], cwd: string, into: string): Promise<void> {
  await mkdir(into, { recursive: true })
  await must('npm', ['pack', '--silent', ...options, '--pack-destination', into], cwd)
}

async function copyOfGenerators(copy: string, names: string[]): Promise<void> {
  for (const folder of ['generators', 'templates']) {
    const from = join(root, folder)
    // What an earlier or another run of the script has made is not to be found.
    const made = ['node_modules', 'templates', 'kit'].map((name) => join(from, name))
    const filter = (path: string) => !made.includes(path)
    await cp(from, join(copy, folder), { recursive: true, filter })
  }
  for (const name of names) {
    const path = join('packages', name, 'package.json')
    await cp(join(root, path), join(copy, path))
  }
}

async function unpack(file: string, into: string): Promise<Tarball> {
  await mkdir(into, { recursive: true })
  await must('tar', ['-xzf', file, '-C', into, '--strip-components=1'], into)
  return { folder: into, files: await filesBelow(into) }
}

/** Paths of all files below a folder, but in folders that are left out. */
export async function filesBelow(folder: string, without = /^$/): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (without.test(entry.name)) continue
    if (!entry.isDirectory()) found.push(entry.name)
    else {
      const inside = await filesBelow(join(folder, entry.name), without)
      found.push(...inside.map((path) => `${entry.name}/${path}`))
    }
  }
  return found.sort()
}

export async function readJson<T>(...path: string[]): Promise<T> {
  return JSON.parse(await readFile(join(...path), 'utf8'))
}
