import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { must, root } from './support/command.js'

const packages = await readdir(join(root, 'packages'))
const read = (...path: string[]) => readFile(join(root, ...path), 'utf8')

async function sourcesOf(name: string): Promise<string> {
  const folder = join(root, 'packages', name, 'src')
  const files = await readdir(folder)
  return (await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))).join('\n')
}

/** What a package may be built on. */
function allowedTo(name: string): string[] {
  return name === 'sdk-v1' ? ['@mcp-prod/rpc', '@mcp-prod/tools'] : ['@mcp-prod/rpc']
}

describe.each(packages)('@mcp-prod/%s', (name) => {
  it('imports no sibling but rpc (and sdk-v1 tools), and nothing that it does not declare', async () => {
    const manifest = JSON.parse(await read('packages', name, 'package.json'))
    const declared = { ...manifest.dependencies, ...manifest.peerDependencies }
    const siblings = Object.keys(declared).filter((dependency) =>
      dependency.startsWith('@mcp-prod/'),
    )
    expect(siblings).toEqual(siblings.filter((sibling) => allowedTo(name).includes(sibling)))
    const imports = [...(await sourcesOf(name)).matchAll(/from '([^.'][^']*)'/g)]
      .map(([, specifier = '']) => specifier)
      .filter((specifier) => !specifier.startsWith('node:'))
      .map((specifier) =>
        specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/'),
      )
    for (const imported of new Set(imports)) expect(Object.keys(declared)).toContain(imported)
  })

  it('has a README with the headings that all share', async () => {
    const text = await read('packages', name, 'README.md')
    expect(text.startsWith(`# @mcp-prod/${name}\n`)).toBe(true)
    const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
    const shared = ['Install', 'Use', 'Options', 'Errors', 'Works with']
    expect(headings.filter((heading) => shared.includes(heading ?? ''))).toEqual(shared)
  })

  it('names every error code of its own in the README, and gives none of another', async () => {
    const source = await sourcesOf(name)
    const text = await read('packages', name, 'README.md')
    const own = new Set(source.match(new RegExp(`ERR_${name.toUpperCase()}_[A-Z_]+`, 'g')))
    for (const code of own) expect(text).toContain(code)
    const given = [...source.matchAll(/code(?::| =) '(ERR_[A-Z_]+)'/g)].map(([, code]) => code)
    expect(given.filter((code) => !own.has(code ?? ''))).toEqual([])
  })
})

it('guards addresses by the same rules wherever the kit goes out', async () => {
  // Packages import no sibling, and a guard with two versions has a hole in one of them.
  const file = ['src', 'address.ts']
  expect(await read('packages', 'resilience', ...file)).toBe(
    await read('packages', 'auth', ...file),
  )
})

it('ships the EXAMPLES.md that a README refers to', async () => {
  for (const name of packages) {
    const manifest = JSON.parse(await read('packages', name, 'package.json'))
    const refers = (await read('packages', name, 'README.md')).includes('](EXAMPLES.md')
    expect({ name, ships: manifest.files.includes('EXAMPLES.md') }).toEqual({ name, ships: refers })
  }
})

it('has no example in a README or an EXAMPLES.md that does not compile', async () => {
  const folder = join(root, 'node_modules', '.cache', 'mcp-prod-examples')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const readmes = ['README.md', ...packages.map((name) => `packages/${name}/README.md`)]
  const more = packages.map((name) => `packages/${name}/EXAMPLES.md`)
  let examples = 0
  for (const text of [...readmes, ...more.filter((path) => existsSync(join(root, path)))]) {
    for (const [, code = ''] of (await read(text)).matchAll(/^```ts\n(.*?)^```/gms)) {
      const unnamed = `${text.replace(/\W/g, '-')}-${examples++}.ts`
      // A block that begins with the name of a file is that file, for the others to import.
      const [, name = unnamed] = /^\/\/ (\S+\.ts)\n/.exec(code) ?? []
      await writeFile(join(folder, name), `${code}\nexport {}\n`, { flag: 'wx' })
    }
  }
  // What a reader's own project has around an example.
  await writeFile(
    join(folder, 'your-app.ts'),
    "import express from 'express'\nexport const app = express()\n",
  )
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  const config = {
    extends: join(root, 'tsconfig.base.json'),
    compilerOptions: {
      noEmit: true,
      noUnusedLocals: false,
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
    },
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
  expect(examples).toBeGreaterThanOrEqual(packages.length)
  await must('npx', ['tsc', '-p', folder], root)
})
