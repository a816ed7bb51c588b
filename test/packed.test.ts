import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { leaksIn } from './support/alone/leaks.js'
import { filesBelow, packAll, readJson, type Tarball } from './support/alone/tarball.js'
import { root } from './support/command.js'

// What the registry would be given, file by file.
const packages = await readdir(join(root, 'packages'))
const everything = [...packages, 'create-mcp-prod']
const folderOf = (name: string) => (packages.includes(name) ? `packages/${name}` : 'generators')

let home: string
let tarballs: Map<string, Tarball>
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'mcp-prod-tarballs-'))
  tarballs = await packAll(home)
})
afterAll(() => rm(home, { recursive: true, force: true }))

function tarballOf(name: string): Tarball {
  const tarball = tarballs.get(name)
  if (tarball === undefined) throw new Error(`${name} was not packed`)
  return tarball
}

interface Manifest {
  name: string
  version: string
  exports: Record<string, string | Record<string, string>>
  keywords: string[]
  dependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  [field: string]: unknown
}
const manifestOf = (name: string) => readJson<Manifest>(root, folderOf(name), 'package.json')

describe.each(packages)('@mcp-prod/%s', (name) => {
  it('has what is compiled from its sources, its papers and nothing else', async () => {
    const { files } = tarballOf(name)
    const readme = await readFile(join(root, 'packages', name, 'README.md'), 'utf8')
    const sources = await filesBelow(join(root, 'packages', name, 'src'))
    const compiled = sources.flatMap((path) => {
      const module = `dist/${path.replace(/\.ts$/, '')}`
      return [`${module}.js`, `${module}.d.ts`]
    })
    const papers = ['LICENSE', 'README.md', 'package.json']
    if (readme.includes('](EXAMPLES.md')) papers.push('EXAMPLES.md')
    expect(files).toEqual([...compiled, ...papers].sort())
  })

  it('has all that it exports, with types', async () => {
    const { files } = tarballOf(name)
    const { exports } = await manifestOf(name)
    for (const to of Object.values(exports)) {
      const targets = typeof to === 'string' ? [to] : Object.values(to)
      for (const target of targets) expect(files).toContain(target.replace('./', ''))
    }
    expect(exports['.']).toEqual({ types: './dist/index.d.ts', default: './dist/index.js' })
  })
})

describe('create-mcp-prod', () => {
  it('has the command, what it is compiled from left out, and every template', async () => {
    const { files } = tarballOf('create-mcp-prod')
    const sources = await filesBelow(join(root, 'generators/src'))
    const compiled = sources.flatMap((path) => {
      const module = `dist/${path.replace(/\.ts$/, '')}`
      return [`${module}.js`, `${module}.d.ts`]
    })
    const templates = await filesBelow(
      join(root, 'templates'),
      /^(node_modules|dist|.*\.tsbuildinfo)$/,
    )
    const papers = [
      'LICENSE',
      'README.md',
      'bin/create-mcp-prod.js',
      'kit/versions.json',
      'package.json',
    ]
    const wanted = [...compiled, ...papers, ...templates.map((path) => `templates/${path}`)].sort()
    expect(files.filter((path) => !wanted.includes(path))).toEqual([])
    expect(wanted.filter((path) => !files.includes(path))).toEqual([])
    expect(templates.length).toBeGreaterThan(200)
  })

  it('has a command that can be run, and knows the versions of the kit', async () => {
    const { folder } = tarballOf('create-mcp-prod')
    const bin = join(folder, 'bin/create-mcp-prod.js')
    expect((await stat(bin)).mode & 0o111).toBe(0o111)
    expect(await readFile(bin, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
    const manifests = await Promise.all(packages.map(manifestOf))
    const versions = Object.fromEntries(manifests.map(({ name, version }) => [name, version]))
    expect(await readJson(folder, 'kit/versions.json')).toEqual(versions)
  })
})

describe.each(everything)('%s', (name) => {
  it('holds no secret and nothing of the machine that packed it', async () => {
    const { folder, files } = tarballOf(name)
    for (const file of files) {
      expect(file).not.toMatch(/(^|\/)(\.env|\.npmrc|id_rsa|.*\.(pem|key|p12|pfx|log|map))$/)
      expect({ file, leaks: leaksIn(await readFile(join(folder, file), 'utf8')) }).toEqual({
        file,
        leaks: [],
      })
    }
  })

  it('says what it is, whose and under which terms', async () => {
    const manifest = await manifestOf(name)
    const folder = folderOf(name)
    const repository = 'https://github.com/mcp-prod/mcp-prod'
    expect(manifest).toMatchObject({
      name: packages.includes(name) ? `@mcp-prod/${name}` : name,
      license: 'MIT',
      type: 'module',
      engines: { node: '>=20.19' },
      homepage: `${repository}/tree/main/${folder}#readme`,
      bugs: `${repository}/issues`,
      repository: { type: 'git', url: `git+${repository}.git`, directory: folder },
      publishConfig: { access: 'public' },
      files: expect.arrayContaining(['dist']),
    })
    expect(manifest.private).toBeUndefined()
    expect(manifest.description).toMatch(/^[A-Z].{30,}[^.]$/)
    const { keywords } = manifest
    expect(keywords).toEqual([...new Set(keywords)])
    expect(keywords).toEqual(expect.arrayContaining(['mcp', 'model-context-protocol', 'express']))
    expect(keywords.length).toBeGreaterThanOrEqual(4)
    expect(await readFile(join(root, folder, 'LICENSE'), 'utf8')).toBe(
      await readFile(join(root, 'LICENSE'), 'utf8'),
    )
  })

  it('depends on what will be there, within ranges, and runs nothing when it is installed', async () => {
    const { dependencies = {}, peerDependencies = {}, scripts } = await manifestOf(name)
    for (const range of Object.values(peerDependencies)) expect(range).toMatch(/^\^\d+\.\d+\.\d+$/)
    for (const [dependency, range] of Object.entries(dependencies)) {
      expect(range).toMatch(/^[\^~]\d+\.\d+\.\d+$/)
      if (!dependency.startsWith('@mcp-prod/')) continue
      const sibling = await manifestOf(dependency.replace('@mcp-prod/', ''))
      expect(range).toBe(`^${sibling.version}`)
    }
    expect(Object.keys(scripts as object)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(pre|post)?install$|^prepare$/)]),
    )
  })
})

it('declares side effects where a module has some', async () => {
  for (const name of packages) {
    const { sideEffects } = await manifestOf(name)
    // What is loaded for what it does, not for what it exports.
    expect({ name, sideEffects }).toEqual({
      name,
      sideEffects: existsSync(join(root, 'packages', name, 'src/early.ts'))
        ? ['./dist/early.js']
        : false,
    })
  }
})

it('would find what must not be published', () => {
  const base64 = randomBytes(40).toString('base64')
  const samples = [
    `-----BEGIN PRIVATE KEY-----\n${base64}`,
    `//registry/:_authToken=x`,
    `ghp_${'a'.repeat(36)}`,
    `AKIA${'A'.repeat(16)}`,
    `eyJ${'a'.repeat(20)}.eyJ${'a'.repeat(20)}.${'a'.repeat(20)}`,
    `mcp_ci_${'a'.repeat(43)}`,
    '/home/alice/x',
    join(root, 'packages'),
  ]
  for (const sample of samples) expect(leaksIn(`const a = '${sample}'`)).toHaveLength(1)
  expect(leaksIn("const key = 'mcp_<id>_<secret>'")).toEqual([])
})
