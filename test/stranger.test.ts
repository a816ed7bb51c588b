import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { clients } from '../templates/server/test/support/clients.js'
import { must, root, strangersEnv } from './support/command.js'
import { commandsIn } from './support/readme.js'
import { type Registry, startRegistry } from './support/registry.js'
import { release, workingCopy } from './support/release.js'
import { start } from './support/running.js'

// A real registry with everything that the release script publishes, and somebody who knows nothing of this repository.
// A first release, a server written with it, a second release: what the server is then, and how it comes to the new one.

// npm installs several hundred packages, several times.
vi.setConfig({ testTimeout: 900_000, hookTimeout: 900_000 })

let registry: Registry
let copy: Awaited<ReturnType<typeof workingCopy>>
let place: string
let folder: string
let oldVersion: string

beforeAll(async () => {
  registry = await startRegistry()
  copy = await workingCopy()
  place = await mkdtemp(join(tmpdir(), 'mcp-prod-stranger-'))
  folder = join(place, 'my-server')
  oldVersion = await versionIn(copy.folder)
  await release(copy.folder, registry)
})
afterAll(async () => {
  await registry?.remove()
  await copy?.remove()
  await rm(place, { recursive: true, force: true })
})

const npm = (...args: string[]) => must('npm', args, folder, registry.env)
const viewed = async (...args: string[]) =>
  JSON.parse(await must('npm', ['view', '--json', ...args], place, registry.env))

async function versionIn(root: string): Promise<string> {
  return JSON.parse(await readFile(join(root, 'generators/package.json'), 'utf8')).version
}

/** Commands of READMEs that were run here, word by word. */
const ran = new Set<string>()
// Those that other tests run, with the file that does.
const elsewhere: Record<string, string> = {
  'npm ci && npm run create -- my-server': '.ci/run',
  'npm ci && npm test': '.ci/run',
  'npm run load': 'test/load.test.ts',
  'npm run build': 'test/combinations.test.ts',
  'npm install': 'test/stranger.test.ts',
}

/** Runs a command of a README in a shell, as it stands there. */
async function typed(command: string, cwd: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  ran.add(command)
  return must('bash', ['-e', '-c', command], cwd, {
    ...registry.env,
    npm_config_yes: 'true',
    ...env,
  })
}

/** Does something while a command of the README serves on the ports that it names. */
async function during(command: string, work: () => Promise<void>): Promise<void> {
  ran.add(command)
  const child = spawn('bash', ['-c', command], {
    cwd: folder,
    env: { ...strangersEnv(), ...registry.env },
    detached: true,
    stdio: 'ignore',
  })
  const ended = once(child, 'close')
  const isReady = () =>
    fetch('http://localhost:8081/ready').then(
      ({ ok }) => ok,
      () => false,
    )
  try {
    await expect.poll(isReady, { timeout: 60_000 }).toBe(true)
    await work()
  } finally {
    process.kill(-(child.pid ?? 0), 'SIGTERM')
    await ended
  }
}

/** The versions of the kit that are installed in the server. */
async function installedKit(): Promise<Set<string>> {
  const names = await readdir(join(folder, 'node_modules/@mcp-prod'))
  const read = async (name: string) =>
    JSON.parse(await readFile(join(folder, 'node_modules/@mcp-prod', name, 'package.json'), 'utf8'))
  return new Set((await Promise.all(names.map(read))).map(({ version }) => version))
}

/** Starts what is built, and lets every kind of client call a tool. */
async function serves(): Promise<void> {
  const server = await start(folder, { SHUTDOWN_GRACE: '100ms' })
  try {
    for (const [name, open] of clients) {
      const client = await open(server.url, server.key)
      const args = { name: 'summarize_numbers', arguments: { numbers: [1, 2, 3] } }
      expect((await client.callTool(args)).structuredContent, name).toMatchObject({ mean: 2 })
      await client.close()
    }
  } finally {
    server.process.kill('SIGTERM')
  }
  expect(await server.exited).toBe(0)
}

describe('the first release', () => {
  it('has every package under one version, as latest', async () => {
    const names = await readdir(join(copy.folder, 'packages'))
    for (const name of [...names.map((name) => `@mcp-prod/${name}`), 'create-mcp-prod']) {
      const { version, ...tags } = await viewed(name, 'version', 'dist-tags')
      expect({ name, version, tags }).toEqual({
        name,
        version: oldVersion,
        tags: { 'dist-tags': { latest: oldVersion } },
      })
    }
  })

  it('publishes nothing twice', async () => {
    expect(await release(copy.folder, registry)).toContain('No unpublished projects to publish')
  })

  it('writes a server with one command in an empty folder, which installs, builds and passes its tests', async () => {
    const printed = await typed('npx create-mcp-prod my-server', place)
    expect(printed).toContain('my-server is ready')
    expect(existsSync(join(folder, 'vendor'))).toBe(false)
    const { dependencies } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
    expect(dependencies['@mcp-prod/health']).toBe(`^${oldVersion}`)
    expect(await installedKit()).toEqual(new Set([oldVersion]))
    await npm('run', 'check')
    await npm('test')
    await serves()
  })

  it('says so when the server is of this release already', async () => {
    const output = await typed('npx --yes create-mcp-prod@latest --diff', folder)
    expect(output).toContain(oldVersion)
    expect(output).not.toContain('diff --git')
  })
})

describe('a canary', () => {
  it('is taken by who asks for it, and by nobody else', async () => {
    await changed(copy.folder)
    const { version } = JSON.parse(await readFile(join(copy.folder, 'package.json'), 'utf8'))
    expect(version).toBeUndefined()
    await must('npm', ['run', 'release:canary'], copy.folder, registry.env)
    const tags = await viewed('create-mcp-prod', 'dist-tags')
    expect(tags.latest).toBe(oldVersion)
    expect(tags.canary).toMatch(/-canary-\d{14}$/)
    const args = ['--yes', 'create-mcp-prod@canary', 'new-one', '--yes', '--no-install']
    await must('npx', args, place, registry.env)
    const manifest = JSON.parse(await readFile(join(place, 'new-one/package.json'), 'utf8'))
    expect(manifest.dependencies['@mcp-prod/health']).toBe(`^${tags.canary}`)
    await copy.git('reset', '--quiet', '--hard')
  })
})

describe('the next release', () => {
  let newVersion: string

  beforeAll(async () => {
    await changed(copy.folder)
    await copy.git('add', '--all')
    await copy.git('commit', '--quiet', '--message', 'a change')
    await must('npx', ['changeset', 'version'], copy.folder, registry.env)
    newVersion = await versionIn(copy.folder)
    await release(copy.folder, registry)
  })

  it('has a version and a changelog of its own', async () => {
    expect(newVersion).not.toBe(oldVersion)
    expect(await viewed('create-mcp-prod', 'version')).toBe(newVersion)
    expect(await viewed('@mcp-prod/rpc', 'version')).toBe(newVersion)
    const log = await readFile(join(copy.folder, 'generators/CHANGELOG.md'), 'utf8')
    expect(log).toContain(`## ${newVersion}\n`)
    expect(log).toContain('A sentence for users.')
  })

  it('leaves the server of before as it was: its lock installs, builds and serves', async () => {
    await npm('ci')
    expect(await installedKit()).toEqual(new Set([oldVersion]))
    await npm('run', 'build')
    await serves()
  })

  it('shows what the template has changed, and git lays it over what the owner has changed', async () => {
    const mine = '// a line of mine\n'
    await appendFile(join(folder, 'src/app.ts'), mine)
    await must(
      'git',
      ['-c', 'user.name=me', '-c', 'user.email=me@example.com', 'commit', '-aqm', 'mine'],
      folder,
    )
    await appendFile(join(folder, '.git/info/exclude'), 'upgrade.patch\n')
    const told = await typed('npx --yes create-mcp-prod@latest --diff > upgrade.patch', folder)
    expect(told).toContain(`from ${oldVersion} to ${newVersion}`)
    expect(told).toContain('src/app.ts')
    expect(await must('git', ['status', '--porcelain'], folder)).toBe('')
    await typed('git apply --3way upgrade.patch', folder)
    const app = await readFile(join(folder, 'src/app.ts'), 'utf8')
    expect(app).toContain('// a line of the new template\n')
    expect(app).toContain(mine)
    expect(await readFile(join(folder, '.create-mcp-prod.json'), 'utf8')).toContain(newVersion)
  })

  it('is installed then, and with everything else that is newest in its range builds, passes and serves', async () => {
    await npm('update')
    expect(await installedKit()).toEqual(new Set([newVersion]))
    await npm('run', 'build')
    await typed('npm install && npm run check && npm test', folder)
    await serves()
  })
})

describe('every command', () => {
  it('of the generated README answers as it says', async () => {
    const readme = await readFile(join(folder, 'README.md'), 'utf8')
    const curls = commandsIn(readme).filter(({ text }) => text.startsWith('curl '))
    expect(curls.length).toBeGreaterThanOrEqual(2)
    const take = 'export TOKEN=$(sed -n s/^MCP_DEV_API_KEY=//p .env)'
    ran.add(take)
    await during('npm run dev', async () => {
      for (const { text } of curls) {
        ran.add(text)
        expect(await must('bash', ['-c', `${take}\n${text}`], folder)).toContain('"mean":2')
      }
    })
    const unlimited = commandsIn(readme).find(({ text }) => text.includes('npm start'))?.text ?? ''
    await during(unlimited, async () => {
      expect(await readFile(join(folder, 'server.log'), 'utf8')).toContain('"listening"')
    })
  })

  it('of the command itself writes what it names', async () => {
    const tools = join(place, 'tools')
    const install = ['install', '--prefix', tools, 'create-mcp-prod']
    await must('npm', install, place, registry.env)
    const onPath = `${join(tools, 'node_modules/.bin')}:${process.env.PATH}`
    for (const [number, command] of [
      'create-mcp-prod my-server --yes --auth jwt --deploy none',
      'create-mcp-prod . --name @acme/search --no-stdio',
    ].entries()) {
      const empty = join(place, `empty-${number}`)
      await mkdir(empty)
      expect(await typed(command, empty, { PATH: onPath })).toContain('is ready')
    }
    const both = join(place, 'both')
    await mkdir(both)
    await typed('npx create-mcp-prod my-server --auth apikey+jwt', both)
    expect(existsSync(join(both, 'my-server/src/jwt.ts'))).toBe(true)
  })

  it('of a README is run by a test, or is marked with the reason', async () => {
    const files = ['README.md', 'generators/README.md'].map((path) => join(root, path))
    const missed: string[] = []
    for (const file of [...files, join(folder, 'README.md')]) {
      for (const { text, notRun } of commandsIn(await readFile(file, 'utf8')))
        if (notRun === undefined && !ran.has(text) && !(text in elsewhere))
          missed.push(`${file}: ${text}`)
    }
    expect(missed).toEqual([])
    for (const file of Object.values(elsewhere))
      expect(existsSync(join(root, file)), file).toBe(true)
  })
})

/** A pull request, in short: a change in the template and in a package, and the changeset that says so. */
async function changed(root: string): Promise<void> {
  const app = join(root, 'templates/server/src/app.ts')
  await writeFile(app, `// a line of the new template\n${await readFile(app, 'utf8')}`)
  const text =
    "---\n'@mcp-prod/health': patch\n'create-mcp-prod': patch\n---\n\nA sentence for users.\n"
  await writeFile(join(root, '.changeset/a-change.md'), text)
}
