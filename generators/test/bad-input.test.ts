import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  environment,
  fixtureClone,
  fixtureInstallation,
  runCli,
  temporaryDirectory,
} from './support/fixture.js'

let bin: string
let cwd: string
beforeAll(() => {
  bin = fixtureInstallation()
  cwd = temporaryDirectory()
  mkdirSync(join(cwd, 'full'))
  writeFileSync(join(cwd, 'full/mine.txt'), 'mine')
  writeFileSync(join(cwd, 'file'), 'mine')
  symlinkSync('nowhere', join(cwd, 'dangling'))
  symlinkSync('full', join(cwd, 'to-full'))
  mkdirSync(join(cwd, 'nokit'))
})

const here = ['--no-install', '--no-git']

describe('bad input gets one line, an exit code, and touches nothing', () => {
  const before = ['dangling', 'file', 'full', 'nokit', 'to-full']

  it.each([
    ['no directory', [], 2, 'no directory is given: usage: create-mcp-prod <directory>'],
    ['no directory with --yes', ['--yes'], 2, 'no directory is given'],
    ['an empty directory name', [''], 2, 'directory "" is empty'],
    ['an empty name of tarballs', ['new', '--kit='], 2, '--kit "" is empty'],
    ['the name of what stands beside it', ['redis'], 2, 'give --name redis-server'],
    [
      'an unknown flag',
      ['new', '--dryrun'],
      2,
      `unknown option '--dryrun'; did you mean --dry-run?`,
    ],
    ['a flag like no other', ['new', '--quantum'], 2, `unknown option '--quantum': see --help`],
    ['an unknown short flag', ['new', '-x'], 2, `unknown option '-x': see --help`],
    [
      'an unknown value',
      ['new', '--ci', 'gihub'],
      2,
      `'gihub' is invalid. It must be github, gitlab or none; did you mean github?`,
    ],
    [
      'a value like no other',
      ['new', '--deploy', 'mainframe'],
      2,
      `'mainframe' is invalid. It must be kubernetes, compose or none: see`,
    ],
    ['an empty value', ['new', '--ci='], 2, `'' is invalid. It must be github, gitlab or none`],
    [
      'a value with an escape sequence',
      ['new', '--ci', 'a\x1b[2J\nb'],
      2,
      String.raw`'a\u001b[2J\u000ab' is invalid. It must be`,
    ],
    [
      'a missing value',
      ['new', '--ci'],
      2,
      `'--ci <value>' argument missing. It must be github, gitlab or none: see --help`,
    ],
    [
      'a missing value of several',
      ['new', '--auth'],
      2,
      `argument missing. It must be apikey, jwt, introspection or apikey+jwt: see --help`,
    ],
    ['a missing value of any kind', ['new', '--name'], 2, `argument missing: see --help`],
    [
      'features that do not go together',
      ['new', '--auth', 'apikey+introspection'],
      2,
      `'apikey+introspection' is invalid. It must be apikey, jwt, introspection or apikey+jwt: see`,
    ],
    ['one argument too many', ['new', 'server'], 2, 'argument "server" is one too many'],
    [
      'a directory that names no package',
      ['My Server'],
      2,
      `the directory's name "My Server" cannot name the project`,
    ],
    ['and what would', ['My Server'], 2, 'give --name my-server'],
    ['also in a scope', ['new', '--name', '@Acme/My Server'], 2, 'give --name @acme/my-server'],
    [
      'a name that is a module of Node',
      ['new', '--name', 'http'],
      2,
      '--name "http" cannot name the project: http is a core module',
    ],
    ['a name that leaves the directory', ['new', '--name', '../x'], 2, '--name "../x" cannot name'],
    ['an empty name', ['new', '--name', ''], 2, '--name "" cannot name'],
    [
      'a name of 300 letters',
      ['new', '--name', 'x'.repeat(300)],
      2,
      'cannot name the project: name can no longer contain more than 214',
    ],
    [
      'a name with an escape sequence',
      ['new', '--name', 'a\x1b[2J\nb'],
      2,
      String.raw`--name "a\u001b[2J\nb" cannot name`,
    ],
    [
      'a name the project depends on',
      [...here, 'new', '--name', '@mcp-prod/auth'],
      2,
      'name "@mcp-prod/auth" is a package the project depends on',
    ],
    [
      'a directory that is not empty',
      ['full'],
      1,
      '/full" is not empty (it holds "mine.txt"): choose a new or an empty one',
    ],
    ['a link to one', ['to-full'], 1, '/to-full" is not empty'],
    ['a link to nothing', ['dangling'], 1, '/dangling" is a symbolic link to nothing'],
    ['a file', ['file'], 1, '/file" is a file: choose another directory'],
    ['a directory below a file', ['file/new'], 1, 'a part of the path is a file (ENOTDIR)'],
    [
      'a name too long for a directory',
      [...here, 'x'.repeat(300), '--name', 'x'],
      1,
      'the name is too long (ENAMETOOLONG)',
    ],
    ['a place nobody can write to', [...here, '/proc/new'], 1, 'cannot write to "/proc/new": '],
    [
      'a deeper one',
      [...here, '/proc/self/new/deep', '--name', 'x'],
      1,
      'choose a directory you may write to',
    ],
    [
      'a kit that is no directory',
      [...here, 'new', '--kit', 'file'],
      2,
      '/file" is no directory: give one with the kit',
    ],
    [
      'a kit without the packages',
      [...here, 'new', '--kit', 'nokit'],
      1,
      'holds 0 tarballs of @mcp-prod/auth',
    ],
  ] as [string, string[], number, string][])('%s', async (_, args, exitCode, message) => {
    const result = await runCli(bin, args, cwd)
    const lines = result.stderr.trimEnd().split('\n')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(message)
    expect(lines[0]).toMatch(/^create-mcp-prod: /)
    expect(result.exitCode).toBe(exitCode)
    expect(readdirSync(cwd).sort()).toEqual(before)
    expect(readFileSync(join(cwd, 'full/mine.txt'), 'utf8')).toBe('mine')
  })

  it.each(['18.20.0', '20.18.3', '8.0.0'])('Node %s', async (version) => {
    const preload = join(temporaryDirectory(), 'old.cjs')
    writeFileSync(
      preload,
      `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`,
    )
    const env = { ...environment(), NODE_OPTIONS: `--require=${preload}` }
    const result = await runCli(bin, ['new'], cwd, env)
    expect(result).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: `create-mcp-prod: Node ${version} is too old: install Node 20.19 or newer\n`,
    })
  })

  it('no npm', async () => {
    const env = { ...environment(), PATH: temporaryDirectory() }
    const result = await runCli(bin, ['new'], cwd, env)
    expect(result.stderr).toMatch(/^create-mcp-prod: npm is not on the PATH: .*--no-install\n$/)
    expect(result.exitCode).toBe(1)
    expect(readdirSync(cwd).sort()).toEqual(before)
  })

  it('a working directory that is gone', async () => {
    const script = `mkdir gone && cd gone && rmdir ../gone && "${process.execPath}" "${bin}" new --yes 2>&1; echo $?`
    const output = execFileSync('sh', ['-c', script], {
      cwd: temporaryDirectory(),
      env: environment(),
    })
    expect(output.toString()).toBe(
      'create-mcp-prod: the working directory is gone: change to another one\n1\n',
    )
  })

  it('an unbuilt clone', async () => {
    const clone = fixtureClone({
      'server/package.json': '{ "dependencies": { "@mcp-prod/tools": "*" } }',
    })
    const result = await runCli(clone, [...here, 'new'], cwd)
    expect(result.stderr).toBe(
      'create-mcp-prod: @mcp-prod/tools is not built in this clone: run npm ci && npm run build there\n',
    )
    expect(result.exitCode).toBe(1)
  })
})
