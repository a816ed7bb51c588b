import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  environment,
  fixtureClone,
  fixtureInstallation,
  fixtureTemplates,
  git,
  runCli,
  temporaryDirectory,
  writeTree,
} from './support/fixture.js'

/** Fixture templates whose manifest has other scripts. */
const withScripts = (scripts: Record<string, string>) => ({
  ...fixtureTemplates,
  'server/package.json': JSON.stringify({
    private: true,
    scripts,
    dependencies: { '@mcp-prod/auth': '*' },
  }),
})

const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

describe('a server from a clone', { timeout: 30_000 }, () => {
  let bin: string
  beforeAll(() => {
    bin = fixtureClone()
  })

  it('is installed from packed packages, built and committed, without the registry', async () => {
    const place = temporaryDirectory()
    const outer = {
      ...environment(),
      NODE_ENV: 'production',
      npm_config_workspace: 'generators',
      npm_config_local_prefix: '/nowhere',
      npm_config_dry_run: 'true',
      npm_config_global: 'true',
      npm_config_ignore_scripts: 'true',
      npm_package_json: '/nowhere/package.json',
      INIT_CWD: '/nowhere',
      GIT_DIR: '/nowhere/.git',
      GIT_INDEX_FILE: '/nowhere/index',
    }
    const { exitCode, stdout, stderr } = await runCli(bin, ['x', '--yes'], place, outer)
    expect(stderr).toBe('')
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/^ {2}write +13 files, \d+ kB +\d+\.\d s$/m)
    expect(stdout).toMatch(/^ {2}install +2 packages +\d+\.\d s$/m)
    expect(stdout).toMatch(/^ {2}build +\d+\.\d s$/m)
    expect(stdout).toMatch(/^ {2}git +first commit on main +\d+\.\d s$/m)
    expect(stdout).toContain('  cd x\n  npm run dev\n')

    const target = join(place, 'x')
    expect(readJson(join(target, 'package.json')).dependencies).toEqual({
      '@mcp-prod/auth': 'file:vendor/mcp-prod-auth-0.1.0.tgz',
      '@mcp-prod/rpc': 'file:vendor/mcp-prod-rpc-0.1.0.tgz',
    })
    expect(readFileSync(join(target, 'package-lock.json'), 'utf8')).not.toMatch(/https?:/)
    expect(realpathSync(join(target, 'node_modules/@mcp-prod/rpc'))).toBe(
      join(target, 'node_modules/@mcp-prod/rpc'),
    )
    expect(git(target, 'log', '--format=%an %s')).toBe('Test Start from create-mcp-prod')
    expect(git(target, 'branch', '--show-current')).toBe('main')
    expect(git(target, 'status', '--porcelain')).toBe('')
    const tracked = git(target, 'ls-files').split('\n')
    expect(tracked).toContain('vendor/mcp-prod-rpc-0.1.0.tgz')
    expect(tracked).toContain('package-lock.json')
    expect(tracked).not.toContain('.env')

    expect(readFileSync(join(target, 'Dockerfile'), 'utf8')).toBe(
      'FROM scratch\nCOPY vendor vendor\n',
    )

    // It may be moved: nothing in it says where it was.
    renameSync(target, join(place, 'moved'))
    expect(readFileSync(join(place, 'moved/package-lock.json'), 'utf8')).not.toContain(place)
  })

  it('takes packed packages from --kit', async () => {
    const place = temporaryDirectory()
    const kit = join(place, 'kit')
    writeTree(kit, {
      'mcp-prod-auth-2.0.0.tgz': 'auth',
      'mcp-prod-rpc-2.0.0.tgz': 'rpc',
      'mcp-prod-x-1.0.0.tgz': '',
    })
    const { exitCode } = await runCli(bin, ['x', '--yes', '--no-install', '--kit', 'kit'], place)
    expect(exitCode).toBe(0)
    expect(readdirSync(join(place, 'x/vendor'))).toEqual([
      'mcp-prod-auth-2.0.0.tgz',
      'mcp-prod-rpc-2.0.0.tgz',
    ])
    writeTree(kit, { 'mcp-prod-rpc-2.0.1.tgz': 'another' })
    const twice = await runCli(bin, ['y', '--yes', '--no-install', '--kit', 'kit'], place)
    expect(twice.stderr).toContain('holds 2 tarballs of @mcp-prod/rpc')
  })

  it('is itself, although an enclosing npm workspace lists its path', async () => {
    const place = writeTree(temporaryDirectory(), {
      'package.json': '{ "name": "outer", "private": true, "workspaces": ["*"] }',
    })
    const { exitCode } = await runCli(bin, ['x', '--yes', '--no-git'], place)
    expect(exitCode).toBe(0)
    expect(readdirSync(place).sort()).toEqual(['package.json', 'x'])
    expect(existsSync(join(place, 'x/node_modules/@mcp-prod/auth'))).toBe(true)
  })

  it('goes where the user stood when npm run started it from the clone', async () => {
    const place = temporaryDirectory()
    const root = join(bin, '../../..')
    const npmRun = {
      ...environment(),
      npm_command: 'run-script',
      npm_lifecycle_event: 'create',
      npm_package_json: join(root, 'package.json'),
      INIT_CWD: place,
    }
    const { exitCode } = await runCli(bin, ['x', '--yes', '--no-install', '--no-git'], root, npmRun)
    expect(exitCode).toBe(0)
    expect(readdirSync(place)).toEqual(['x'])
    expect(readdirSync(root)).not.toContain('x')
  })
})

describe('a server that cannot be finished', { timeout: 30_000 }, () => {
  const commit = 'git init && git add --all && git commit -m "First commit"'
  it.each([
    [
      'npm install',
      { preinstall: 'echo the cause; exit 3', build: 'true' },
      `cd x && npm install && npm run build && ${commit}`,
    ],
    ['npm run build', { build: 'echo the cause; exit 3' }, `cd x && npm run build && ${commit}`],
  ])('stays complete when %s fails', async (command, scripts, again) => {
    const place = temporaryDirectory()
    const { exitCode, stderr } = await runCli(
      fixtureClone(withScripts(scripts)),
      ['x', '--yes'],
      place,
    )
    expect(exitCode).toBe(1)
    expect(stderr).toContain(`create-mcp-prod: ${command} failed (exit code 3); its last lines:\n`)
    expect(stderr).toContain('the cause\n')
    expect(stderr.trimEnd().split('\n').length).toBeLessThan(24)
    expect(stderr).toMatch(
      new RegExp(`the project's files are complete: mend the cause, then ${again}\n$`),
    )
    expect(readdirSync(join(place, 'x'))).toContain('package.json')
    expect(readdirSync(place)).toEqual(['x'])
  })
})

describe('git', { timeout: 30_000 }, () => {
  let bin: string
  beforeAll(() => {
    bin = fixtureInstallation()
  })
  const create = (place: string, env = environment(), ...flags: string[]) =>
    runCli(bin, ['x', '--yes', '--no-install', ...flags], place, env)

  it('is left alone with --no-git', async () => {
    const place = temporaryDirectory()
    await create(place, environment(), '--no-git')
    expect(existsSync(join(place, 'x/.git'))).toBe(false)
  })

  it('is left alone inside a repository of the user', async () => {
    const place = temporaryDirectory()
    git(place, 'init', '--quiet')
    const { stdout, exitCode } = await create(place)
    expect(exitCode).toBe(0)
    expect(stdout).toContain('skipped: already inside a git repository')
    expect(existsSync(join(place, 'x/.git'))).toBe(false)
    expect(git(place, 'diff', '--cached', '--name-only')).toBe('')
  })

  it('is left alone in a clone of an empty repository, whose owner commits', async () => {
    const place = temporaryDirectory()
    git(place, 'init', '--quiet', 'x')
    const { stdout, exitCode } = await create(place)
    expect(exitCode).toBe(0)
    expect(stdout).toContain('skipped: it is a git repository already')
    expect(git(join(place, 'x'), 'log', '--all', '--format=%s')).toBe('')
  })

  it('is used inside a repository that ignores the place', async () => {
    const place = writeTree(temporaryDirectory(), { '.gitignore': '/x/\n' })
    git(place, 'init', '--quiet')
    expect((await create(place)).stdout).toContain('first commit on main')
    expect(git(join(place, 'x'), 'log', '--format=%s')).toBe('Start from create-mcp-prod')
  })

  it('without an identity initialises and does not commit', async () => {
    const place = temporaryDirectory()
    const { stdout, exitCode } = await create(place, {
      ...environment(),
      GIT_CONFIG_GLOBAL: '/dev/null',
    })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('initialised, not committed: git knows no user.name and user.email')
    expect(existsSync(join(place, 'x/.git'))).toBe(true)
  })

  it('runs none of the user’s hooks and asks for no signature', async () => {
    const place = temporaryDirectory()
    const hooks = writeTree(temporaryDirectory(), {
      'pre-commit': `#!/bin/sh\ntouch ${place}/hook-ran\nexit 1\n`,
      gitconfig:
        '[user]\nname = Test\nemail = t@example.com\n[commit]\ngpgSign = true\n[gpg]\nprogram = false\n',
    })
    chmodSync(join(hooks, 'pre-commit'), 0o755)
    const env = environment()
    writeFileSync(
      env.GIT_CONFIG_GLOBAL ?? '',
      `${readFileSync(join(hooks, 'gitconfig'), 'utf8')}[core]\nhooksPath = ${hooks}\n`,
    )
    expect((await create(place, env)).stdout).toContain('first commit on main')
    expect(readdirSync(place)).toEqual(['x'])
  })

  it('commits no .env, even when nothing ignores it', async () => {
    const place = temporaryDirectory()
    const careless = fixtureInstallation({
      ...fixtureTemplates,
      'server/_gitignore': 'node_modules/\n',
    })
    const { stdout } = await runCli(careless, ['x', '--yes', '--no-install'], place)
    expect(stdout).toContain('initialised, not committed: .env is not ignored')
    expect(git(join(place, 'x'), 'ls-files', '--', '.env')).toBe('')
  })

  it('is skipped where there is none', async () => {
    const place = temporaryDirectory()
    const path = temporaryDirectory()
    mkdirSync(join(path, 'bin'))
    for (const command of ['node', 'npm'])
      symlinkSync(realpathSync(`/usr/bin/${command}`), join(path, 'bin', command))
    const { stdout, exitCode } = await create(place, { ...environment(), PATH: join(path, 'bin') })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('skipped: git is not on the PATH')
  })
})
