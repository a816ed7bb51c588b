import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Registry } from '../registry.js'
import type { Measured } from './budgets.js'
import { compile, type ModuleKind } from './compile.js'
import { type Installed, installedIn } from './installed.js'
import { importsOf, isOnlyEsm, type Readme, readmeOf } from './readme.js'
import { LOWEST, type Stranger } from './stranger.js'

export interface Manifest {
  name: string
  version: string
  exports: Record<string, unknown>
  peerDependencies?: Record<string, string>
}

export interface Prepared {
  name: string
  folder: string
  manifest: Manifest
  readme: Readme
  measured: Measured
}

/** One package alone in a folder of its own: first nothing but itself, then all that its README says. */
export async function installAlone(
  { folder: make, sh }: Stranger,
  registry: Registry,
  name: string,
  bare: Installed,
): Promise<Prepared> {
  const folder = await make(`alone/${name}`)
  await sh(`npm install @mcp-prod/${name}`, folder)
  const readme = await readmeOf(name, folder)
  const path = join(folder, 'node_modules/@mcp-prod', name, 'package.json')
  const manifest: Manifest = JSON.parse(await readFile(path, 'utf8'))
  const { packages, bytes } = await installedIn(folder, bare)
  await sh(readme.install, folder)
  const names = [...packages.keys()].map((id) => id.slice(0, id.lastIndexOf('@'))).sort()
  const packedBytes = await packedSize(registry, manifest)
  return { name, folder, manifest, readme, measured: { names, bytes, packedBytes } }
}

/** Of the tarball, as the registry has it. */
async function packedSize({ url }: Registry, { name, version }: Manifest): Promise<number> {
  const about = await fetch(`${url}${name.replace('/', '%2f')}/${version}`)
  const { dist } = (await about.json()) as { dist: { tarball: string } }
  return (await (await fetch(dist.tarball)).arrayBuffer()).byteLength
}

/** What can be imported of a package: itself, and its subpaths. */
export function specifiersOf({ name, exports }: Manifest): string[] {
  const paths = Object.keys(exports).filter((path) => path !== './package.json')
  return paths.map((path) => name + path.slice(1))
}

/** Compiles the examples that need nothing but what was installed, and a program that imports every export. */
export async function compileExamples(tsc: string, { folder, manifest, readme }: Prepared) {
  const inside = readme.examples.filter(({ code }) =>
    importsOf(code).every((name) => readme.installed.includes(name)),
  )
  const out = {} as Record<ModuleKind, string>
  for (const type of ['module', 'commonjs'] as const) {
    const files: Record<string, string> = {
      'exports.ts': everyExport(specifiersOf(manifest), type),
    }
    for (const example of inside) {
      if (type === 'commonjs' && isOnlyEsm(example)) continue
      files[`example-${readme.examples.indexOf(example)}.ts`] = `${example.code}\nexport {}\n`
    }
    await mkdir(join(folder, type), { recursive: true })
    out[type] = await compile(tsc, join(folder, type), type, files)
  }
  return out
}

/** In CommonJS `import *` would add a `default` of TypeScript's own. */
function everyExport(specifiers: string[], type: ModuleKind): string {
  const imports = specifiers.map((specifier, n) =>
    type === 'module'
      ? `import * as kit${n} from '${specifier}'`
      : `import kit${n} = require('${specifier}')`,
  )
  const names = specifiers.map((_, n) => `Object.keys(kit${n}).sort()`)
  return `${imports.join('\n')}\nprocess.stdout.write(JSON.stringify([${names.join(', ')}]))\n`
}

/** Puts the lowest versions of the peer ranges in place of the newest. */
export async function installLowest({ sh }: Stranger, { folder, readme }: Prepared) {
  const lowest = readme.installed.filter((name) => name in LOWEST)
  if (lowest.length === 0) return
  const exact = lowest.map((name) => `${name}@${LOWEST[name]}`)
  await sh(`npm install ${exact.join(' ')}`, folder)
}

/** The examples of all READMEs in one project, with every package installed. */
export async function compileTogether(
  { home, folder }: Stranger,
  names: string[],
  version: string,
  type: ModuleKind,
): Promise<string[]> {
  const together = join(home, 'everything')
  const files: Record<string, string> = {}
  for (const name of names) {
    for (const [index, example] of (await readmeOf(name, together)).examples.entries()) {
      if (type === 'commonjs' && isOnlyEsm(example)) continue
      files[`${name}-${index}.ts`] = `${example.code}\nexport {}\n`
    }
  }
  const tsc = join(home, `typescript-${version}/node_modules/typescript/bin/tsc`)
  await compile(tsc, await folder(`everything/${version}-${type}`), type, files)
  return Object.keys(files)
}
