import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CliError } from './errors.js'

/** Where the kit's packages come from. */
export type KitSource =
  | { kind: 'clone'; root: string }
  | { kind: 'tarballs'; directory: string }
  | { kind: 'registry'; versions: Record<string, string> }

export interface Source {
  templates: string
  kit: KitSource
}

const home = fileURLToPath(new URL('..', import.meta.url))

/** The clone this runs in, if it does: there templates and packages stand beside this package. */
export async function findSource(kitDirectory?: string): Promise<Source> {
  const root = resolve(home, '..')
  const isClone =
    existsSync(join(root, 'packages/rpc/package.json')) && existsSync(join(root, 'templates'))
  const templates = isClone ? join(root, 'templates') : join(home, 'templates')
  if (kitDirectory) return { templates, kit: { kind: 'tarballs', directory: kitDirectory } }
  if (isClone) return { templates, kit: { kind: 'clone', root } }
  return {
    templates,
    kit: { kind: 'registry', versions: await readJson('kit/versions.json') },
  }
}

/** Which version of each package of the kit this command goes with. */
export async function kitVersions({ kit }: Source): Promise<Record<string, string>> {
  if (kit.kind === 'registry') return kit.versions
  if (kit.kind !== 'clone') throw new Error('tarballs have no versions to ask for')
  const folders = await readdir(join(kit.root, 'packages'))
  const manifests = folders.map(async (folder) => {
    const text = await readFile(join(kit.root, 'packages', folder, 'package.json'), 'utf8')
    const { name, version } = JSON.parse(text) as { name: string; version: string }
    return [name, version]
  })
  return Object.fromEntries(await Promise.all(manifests))
}

/** This package's own version. */
export async function ownVersion(): Promise<string> {
  return (await readJson<{ version: string }>('package.json')).version
}

async function readJson<T>(name: string): Promise<T> {
  try {
    return JSON.parse(await readFile(join(home, name), 'utf8')) as T
  } catch (error) {
    throw new CliError(
      `this installation is damaged: ${(error as Error).message}: install create-mcp-prod again`,
    )
  }
}
