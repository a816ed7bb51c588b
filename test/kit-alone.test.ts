import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Measured, overBudget, readBudgets, updateBudgets } from './support/alone/budgets.js'
import { installedIn } from './support/alone/installed.js'
import {
  compileExamples,
  compileTogether,
  installAlone,
  installLowest,
  type Prepared,
  specifiersOf,
} from './support/alone/prepare.js'
import { type Programs, programsIn } from './support/alone/program.js'
import { importsOf } from './support/alone/readme.js'
import { runReadme } from './support/alone/run.js'
import {
  LOWEST,
  OLDEST_TYPESCRIPT,
  type Stranger,
  strangerOf,
  twoAtATime,
} from './support/alone/stranger.js'
import { must, root } from './support/command.js'
import { type Registry, startRegistry } from './support/registry.js'
import { release, workingCopy } from './support/release.js'

// Every package of the kit, installed alone from a real registry by somebody who has nothing but its README.
const names = await readdir(join(root, 'packages'))
/** What examples import besides the kit. */
const NEEDED = 'express zod @modelcontextprotocol/server'
const measured = new Map<string, Measured>()
const prepared = new Map<string, Promise<Prepared>>()
const limited = twoAtATime()
let registry: Registry
let stranger: Stranger
let tsc: string

beforeAll(async () => {
  registry = await startRegistry()
  const copy = await workingCopy()
  await release(copy.folder, registry)
  await copy.remove()
  stranger = strangerOf(registry)
  // What TypeScript needs lies in a folder above those of the packages.
  const home = await stranger.folder('.')
  await stranger.sh('npm install typescript@7 @types/node@20 @types/express@5', home)
  tsc = join(home, 'node_modules/typescript/bin/tsc')
  const express = await stranger.folder('express')
  await stranger.sh('npm install express', express)
  const bare = await installedIn(express)
  for (const name of names) {
    const one = limited(() => installAlone(stranger, registry, name, bare))
    // Whoever waits for it hears of it.
    one.catch(() => {})
    prepared.set(name, one)
  }
}, 900_000)

afterAll(async () => {
  await updateBudgets(measured)
  await registry?.remove()
})

let programs: Programs | undefined
afterEach(() => programs?.killAll())

async function preparedOf(name: string): Promise<Prepared> {
  const one = await prepared.get(name)
  if (one === undefined) throw new Error(`${name} is not there`)
  return one
}

describe.each(names)('@mcp-prod/%s alone', (name) => {
  let out: Awaited<ReturnType<typeof compileExamples>>

  it('brings no more than its budget', async () => {
    const one = await preparedOf(name)
    measured.set(name, one.measured)
    const budgets = await readBudgets()
    expect(overBudget(one.measured, budgets[name])).toEqual([])
  })

  it('is all that its main example imports, with what its Install line names', async () => {
    const { readme, manifest } = await preparedOf(name)
    expect(readme.installed[0]).toBe(manifest.name)
    const imported = importsOf(readme.examples[0]?.code ?? '')
    expect(imported).toContain(manifest.name)
    expect(imported.filter((other) => !readme.installed.includes(other))).toEqual([])
    for (const [peer, range] of Object.entries(manifest.peerDependencies ?? {})) {
      expect(readme.installed).toContain(peer)
      expect(range).toBe(`^${LOWEST[peer]}`)
    }
    expect(readme.text).toContain(
      `By \`import\` or \`require\`; TypeScript ${OLDEST_TYPESCRIPT} and newer, with \`@types/node\``,
    )
  })

  it('gives the same to import and to require, in JavaScript and TypeScript, without a warning', async () => {
    const one = await preparedOf(name)
    // Not behind the installs of all others.
    out = await compileExamples(tsc, one)
    const specifiers = specifiersOf(one.manifest)
    const imported: string[][] = []
    for (const specifier of specifiers) {
      const { folder } = one
      const byImport = `import('${specifier}').then((kit) => console.log(JSON.stringify(Object.keys(kit).sort())))`
      const byRequire = `console.log(JSON.stringify(Object.keys(require('${specifier}')).sort()))`
      const kit = await must('node', ['-e', byImport], folder)
      expect(await must('node', ['--input-type=commonjs', '-e', byRequire], folder)).toBe(kit)
      imported.push(JSON.parse(kit))
    }
    for (const folder of [out.module, out.commonjs]) {
      expect(JSON.parse(await must('node', ['exports.js'], folder))).toEqual(imported)
    }
  })

  it.each([
    ['newest', 'module'],
    ['lowest', 'commonjs'],
  ] as const)(
    'does what its README says, with the %s peers, compiled to %s',
    async (peers, type) => {
      const one = await preparedOf(name)
      if (peers === 'lowest') await installLowest(stranger, one)
      programs = programsIn(one.folder)
      await runReadme(stranger, one, out, type, programs)
    },
  )
})

describe('every example of every README', () => {
  beforeAll(async () => {
    const everything = names.map((name) => `@mcp-prod/${name}`).join(' ')
    const together = await stranger.folder('everything')
    await stranger.sh(`npm install ${everything} ${NEEDED}`, together)
  }, 600_000)

  it.each(
    ['7', OLDEST_TYPESCRIPT].flatMap((version) => [
      [version, 'module'] as const,
      [version, 'commonjs'] as const,
    ]),
  )('is right for TypeScript %s in a %s package', async (version, type) => {
    const compiler = await stranger.folder(`typescript-${version}`)
    await stranger.sh(`npm install typescript@${version}`, compiler)
    const files = await compileTogether(stranger, names, version, type)
    expect(files.length).toBeGreaterThan(names.length)
  })
})
