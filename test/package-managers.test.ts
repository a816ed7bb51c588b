import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { cp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeTerminal } from '../generators/test/support/terminal.js'
import { must, runs } from './support/command.js'
import { originsIn, type Stranger, stranger } from './support/terminal/managers.js'
import { lasting, record, recorded, rewrite } from './support/terminal/record.js'

const defaults = 'create-mcp-prod: no terminal to ask in, so defaults are taken'

let somebody: Stranger
beforeAll(async () => {
  somebody = await stranger()
}, 600_000)
afterAll(() => somebody?.remove())

/** Runs a command in an empty folder. @returns what it printed, and the project. */
async function starts(command: string, ...args: string[]) {
  const place = await somebody.folder(`${command}-${args.join('-').replaceAll(/\W+/g, '-')}`)
  const output = await must(command, args, place, somebody.env)
  return { output, project: join(place, 'my-server') }
}

describe('the command started by', { timeout: 900_000 }, () => {
  it('npx installs, builds and ends with what to type next', async () => {
    const { output, project } = await starts(
      'npx',
      '--yes',
      'create-mcp-prod',
      'my-server',
      '--yes',
    )
    expect(output).not.toContain('Started by')
    expect(output).not.toContain(defaults)
    expect(output).toContain('  cd my-server\n  npm run dev\n')
    expect(existsSync(join(project, 'dist/main.js'))).toBe(true)
    // That of the .npmrc in the home directory.
    expect(await originsIn(project)).toEqual([new URL(somebody.registry.url).origin])
  })

  it('npm create takes flags after --', async () => {
    const args = [
      'create',
      '--yes',
      'mcp-prod',
      'my-server',
      '--',
      '--no-install',
      '--deploy',
      'none',
    ]
    const { output, project } = await starts('npm', ...args)
    expect(output).toContain(defaults)
    expect(output).not.toContain('Started by')
    expect(output).toContain('  cd my-server\n  npm install\n  npm run dev\n')
    expect(readdirSync(project)).not.toContain('Dockerfile')
  })

  it.each([
    ['pnpm', 'pnpm', ['create', 'mcp-prod', 'my-server', '--no-install']],
    ['pnpm', 'pnpm', ['dlx', 'create-mcp-prod', 'my-server', '--yes']],
    ['yarn', 'yarn', ['create', 'mcp-prod', 'my-server', '--yes']],
    ['yarn', 'yarn4', ['dlx', 'create-mcp-prod', 'my-server', '--yes']],
  ])('%s (%s %j) makes an npm project, and says so', async (manager, command, args) => {
    const { output, project } = await starts(command, ...args)
    expect(output).toContain(`Started by ${manager}. The project uses npm:`)
    const entries = readdirSync(project)
    for (const lock of ['pnpm-lock.yaml', 'yarn.lock', '.pnp.cjs', '.yarnrc.yml']) {
      expect(entries).not.toContain(lock)
    }
    if (args.includes('--no-install')) return
    expect(existsSync(join(project, 'dist/main.js'))).toBe(true)
    expect(await originsIn(project)).toEqual([new URL(somebody.registry.url).origin])
  })

  it.each(['NPM_CONFIG_REGISTRY', 'an .npmrc where it stands'])(
    'npx hands %s on to npm install',
    async (way) => {
      const place = await somebody.folder(`registry-by-${way.length}`)
      const { url } = somebody.registry
      await writeFile(join(place, 'empty-npmrc'), '')
      if (way !== 'NPM_CONFIG_REGISTRY') await writeFile(join(place, '.npmrc'), `registry=${url}\n`)
      const env = {
        ...somebody.env,
        NPM_CONFIG_USERCONFIG: join(place, 'empty-npmrc'),
        ...(way === 'NPM_CONFIG_REGISTRY' && { NPM_CONFIG_REGISTRY: url }),
      }
      await must('npx', ['--yes', 'create-mcp-prod', 'my-server', '--yes'], place, env)
      expect(await originsIn(join(place, 'my-server'))).toEqual([new URL(url).origin])
    },
  )
})

describe('a generated project', { timeout: 900_000 }, () => {
  let project: string
  beforeAll(async () => {
    const args = ['--yes', 'create-mcp-prod', 'my-server', '--yes', '--no-install']
    project = (await starts('npx', ...args)).project
  }, 120_000)

  async function copyOf(name: string): Promise<string> {
    const place = await somebody.folder(name)
    await cp(project, place, { recursive: true })
    return place
  }

  it('installs, builds and passes its tests with pnpm, which hides what a package does not name', async () => {
    const place = await copyOf('with-pnpm')
    // It wants a word before it runs a package's own script, and fails without.
    await writeFile(join(place, 'pnpm-workspace.yaml'), 'allowBuilds:\n  esbuild: true\n')
    await must('pnpm', ['install'], place, somebody.env)
    expect(readdirSync(join(place, 'node_modules'))).not.toContain('@opentelemetry')
    await must('pnpm', ['build'], place, somebody.env)
    await must('pnpm', ['test'], place, somebody.env)
  })

  it('installs, builds and passes its tests with Yarn 4 and a folder of modules', async () => {
    const place = await copyOf('with-yarn4')
    await writeFile(join(place, '.yarnrc.yml'), 'nodeLinker: node-modules\n')
    await writeFile(join(place, 'yarn.lock'), '')
    // In CI it makes no lock of its own accord.
    await must('yarn4', ['install', '--no-immutable'], place, somebody.env)
    await must('yarn4', ['build'], place, somebody.env)
    await must('yarn4', ['test'], place, somebody.env)
  })

  it('installs and builds with Yarn 1', async () => {
    const place = await copyOf('with-yarn1')
    await must('yarn', ['install', '--non-interactive'], place, somebody.env)
    await must('yarn', ['build'], place, somebody.env)
  })
})

describeTerminal('docs/terminal.md', () => {
  it('shows what a terminal shows (UPDATE_RECORDING=1 records it anew)', async () => {
    const { registry, env } = somebody
    const cache = join(env.HOME ?? '', '.npm')
    // npx asks whether it may fetch what it has not run yet.
    await rm(join(cache, '_npx'), { recursive: true, force: true })
    const own = { npm_config_cache: cache, npm_config_userconfig: env.NPM_CONFIG_USERCONFIG }
    const fresh = await record({ ...env, ...own, npm_config_registry: registry.url })
    if (process.env.UPDATE_RECORDING === '1') await rewrite(fresh)
    const page = await recorded()
    expect(Object.keys(page)).toEqual(Object.keys(fresh))
    for (const [heading, recording] of Object.entries(fresh)) {
      expect(lasting(page[heading] ?? ''), heading).toBe(lasting(recording))
    }
  }, 3_600_000)
})

describe('without a network', { timeout: 900_000 }, () => {
  beforeAll(() => somebody.registry.stop())
  const offline = () => ({ ...somebody.env, npm_config_offline: 'true' })

  it('npx with what is in the cache writes, installs and builds', async () => {
    const place = await somebody.folder('offline')
    await must('npx', ['create-mcp-prod', 'my-server', '--yes'], place, offline())
    expect(existsSync(join(place, 'my-server/dist/main.js'))).toBe(true)
  })

  it('and with nothing in the cache says what is missing, and the files are complete', async () => {
    const place = await somebody.folder('cold')
    const installed = readdirSync(join(somebody.env.HOME ?? '', '.npm/_npx'))[0] ?? ''
    const bin = join(somebody.env.HOME ?? '', '.npm/_npx', installed, 'node_modules/.bin')
    const env = { ...offline(), npm_config_cache: join(place, 'cache') }
    const { code, output } = await runs(join(bin, 'create-mcp-prod'), ['x', '--yes'], place, env)
    expect(output).toContain('create-mcp-prod: npm install failed (exit code 1)')
    expect(output).toContain('ENOTCACHED')
    const line = 'cd x && npm install && npm run build'
    expect(output).toContain(
      `the project's files are complete: mend the cause, then ${line} && git`,
    )
    expect(code).toBe(1)
    const manifest = JSON.parse(readFileSync(join(place, 'x/package.json'), 'utf8'))
    expect(manifest.name).toBe('x')
    // What it says to type works once the cause is gone: here, with the warm cache.
    await rm(join(place, 'cache'), { recursive: true, force: true })
    await must('sh', ['-c', line], place, offline())
    expect(existsSync(join(place, 'x/dist/main.js'))).toBe(true)
  })
})
