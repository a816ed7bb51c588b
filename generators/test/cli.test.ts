import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { environment, fixtureInstallation, runCli, temporaryDirectory } from './support/fixture.js'

let bin: string
let cwd: string
beforeAll(() => {
  bin = fixtureInstallation()
  cwd = temporaryDirectory()
})

const here = ['--no-install', '--no-git']
const fast = ['--yes', ...here]

describe('the command', () => {
  it('prints help and version', async () => {
    const help = await runCli(bin, ['--help'], cwd)
    expect(help.exitCode).toBe(0)
    for (const flag of [
      '--name',
      '--auth',
      '--ci',
      '--deploy',
      '--no-upstream',
      '--no-stdio',
      '--postgres',
      '--redis',
      '--yes',
      '--dry-run',
    ]) {
      expect(help.stdout).toContain(flag)
    }
    expect(await runCli(bin, ['--version'], cwd)).toEqual({
      exitCode: 0,
      stdout: '0.1.0\n',
      stderr: '',
    })
  })

  it.runIf(existsSync('/dev/full'))('fails when its output cannot be written', () => {
    const { status, stderr } = spawnSync('sh', [
      '-c',
      '"$0" "$1" --help >/dev/full',
      process.execPath,
      bin,
    ])
    expect(stderr.toString()).toMatch(/^create-mcp-prod: cannot write the output: .*ENOSPC/)
    expect(status).toBe(1)
  })

  it('lists the files on --dry-run and writes nothing', async () => {
    const before = readdirSync(cwd)
    const { exitCode, stdout, stderr } = await runCli(bin, ['new', '--dry-run', '--no-stdio'], cwd)
    expect(exitCode).toBe(0)
    expect(stderr).toBe('create-mcp-prod: no terminal to ask in, so defaults are taken\n')
    expect(stdout).toMatch(/^ +\d+ {2}app\.ts$/m)
    expect(stdout).toMatch(/^ +\d+ {2}\.github\/workflows\/ci\.yml$/m)
    expect(stdout).not.toContain('stdio.ts')
    expect(stdout).toMatch(/10 files, \d kB, for .*\/new: nothing was written\n$/)
    expect(readdirSync(cwd)).toEqual(before)
  })

  it('takes defaults without a terminal, says so, and asks nothing', async () => {
    const place = temporaryDirectory()
    const { exitCode, stdout, stderr } = await runCli(
      bin,
      ['a b/c', '--no-install', '--no-git'],
      place,
    )
    expect(stderr).toBe('create-mcp-prod: no terminal to ask in, so defaults are taken\n')
    expect(exitCode).toBe(0)
    for (const control of ['\x1b', '\r']) expect(stdout).not.toContain(control)
    expect(stdout).toContain(`  cd 'a b/c'\n  npm install\n  npm run dev\n`)
    expect(readdirSync(join(place, 'a b/c')).sort()).toEqual([
      '.create-mcp-prod.json',
      '.env',
      '.github',
      '.gitignore',
      'Dockerfile',
      'README.md',
      'app.ts',
      'build.cjs',
      'keys.ts',
      'package.json',
      'stdio.ts',
    ])
    expect(readFileSync(join(place, 'a b/c/app.ts'), 'utf8')).toBe(
      'base()\nstdio()\ncompose()\nupstream()\n',
    )
  })

  it('takes flags for features', async () => {
    const place = temporaryDirectory()
    const flags = [
      '--no-stdio',
      '--no-upstream',
      '--ci',
      'none',
      '--deploy=none',
      '--name',
      '@acme/search',
    ]
    expect((await runCli(bin, ['x', ...fast, ...flags], place)).exitCode).toBe(0)
    expect(readFileSync(join(place, 'x/app.ts'), 'utf8')).toBe('base()\n')
    expect(readdirSync(join(place, 'x')).sort()).toEqual([
      '.create-mcp-prod.json',
      '.env',
      '.gitignore',
      'README.md',
      'app.ts',
      'build.cjs',
      'keys.ts',
      'package.json',
    ])
    expect(readFileSync(join(place, 'x/README.md'), 'utf8')).toBe('# @acme/search\n')
  })

  it('writes a fresh key for each project, and prints none', async () => {
    const place = temporaryDirectory()
    const outputs = [
      await runCli(bin, ['x', ...fast], place),
      await runCli(bin, ['y', ...fast], place),
    ]
    const [x, y] = ['x', 'y'].map((name) => readFileSync(join(place, name, '.env'), 'utf8'))
    expect(x).toMatch(/^MCP_DEV_API_KEY=mcp_dev_[\w-]{43}\nAPI_KEYS=dev:[0-9a-f]{64}\n$/)
    expect(x).not.toBe(y)
    expect((statSync(join(place, 'x/.env')).mode & 0o777).toString(8)).toBe('600')
    for (const { stdout, stderr } of outputs) expect(stdout + stderr).not.toContain('mcp_dev_')
  })

  it('ends with a client configuration that reads as JSON', async () => {
    const { stdout } = await runCli(
      bin,
      ['x', ...fast, '--name', '@acme/search'],
      temporaryDirectory(),
    )
    expect(JSON.parse(stdout.slice(stdout.indexOf('\n{') + 1))).toEqual({
      mcpServers: {
        search: {
          type: 'http',
          url: 'http://127.0.0.1:8080/mcp',
          headers: { Authorization: `Bearer $${'{MCP_DEV_API_KEY}'}` },
        },
      },
    })
  })

  it.each([
    ['apikey', 'keys.ts', undefined],
    ['jwt', undefined, 'jwt\n'],
    ['introspection', undefined, 'introspection\n'],
    ['apikey+jwt', 'keys.ts', 'jwt\n'],
    ['jwt+apikey', 'keys.ts', 'jwt\n'],
  ])('writes what --auth %s is made of, and its secrets alone', async (auth, keys, tokens) => {
    const place = temporaryDirectory()
    const { exitCode, stdout, stderr } = await runCli(bin, ['x', ...fast, '--auth', auth], place)
    expect(exitCode).toBe(0)
    const read = (name: string) => readFileSync(join(place, 'x', name), 'utf8')
    const written = readdirSync(join(place, 'x'))
    expect(written.includes('keys.ts')).toBe(keys !== undefined)
    expect(written.includes('auth-server.ts')).toBe(tokens !== undefined)
    expect(written.includes('tokens.ts') ? read('tokens.ts') : undefined).toBe(tokens)
    const names = read('.env').match(/^\w+(?==)/gm)
    expect(names).toEqual([
      ...(keys ? ['MCP_DEV_API_KEY', 'API_KEYS'] : []),
      ...(tokens ? ['CLIENT_SECRET'] : []),
    ])
    for (const [, secret = ''] of read('.env').matchAll(/=(.{43,})$/gm)) {
      expect(stdout + stderr).not.toContain(secret)
    }
  })

  it('makes the client secret of 32 random bytes', async () => {
    const place = temporaryDirectory()
    for (const name of ['x', 'y']) await runCli(bin, [name, ...fast, '--auth', 'jwt'], place)
    const [x, y] = ['x', 'y'].map((name) => readFileSync(join(place, name, '.env'), 'utf8'))
    expect(x).toMatch(/^CLIENT_SECRET=[\w-]{43}\n$/)
    expect(x).not.toBe(y)
  })

  it('takes registry versions when it is installed', async () => {
    const place = temporaryDirectory()
    await runCli(bin, ['x', ...fast], place)
    const { dependencies } = JSON.parse(readFileSync(join(place, 'x/package.json'), 'utf8'))
    expect(dependencies).toEqual({ '@mcp-prod/auth': '^1.2.3' })
    expect(readFileSync(join(place, 'x/Dockerfile'), 'utf8')).toBe('FROM scratch\n')
  })

  it('writes into the directory it stands in', async () => {
    const place = temporaryDirectory()
    const { stdout, exitCode } = await runCli(bin, ['.', ...fast, '--name', 'here'], place)
    expect(exitCode).toBe(0)
    expect(stdout).not.toContain('cd ')
    expect(readdirSync(place)).toContain('package.json')
  })

  it('writes into an empty directory behind a link, and beside where it stands', async () => {
    const place = temporaryDirectory()
    mkdirSync(join(place, 'real'))
    mkdirSync(join(place, 'stand'))
    symlinkSync('real', join(place, 'link'))
    expect((await runCli(bin, ['../link', ...fast], join(place, 'stand'))).exitCode).toBe(0)
    expect(readdirSync(join(place, 'real'))).toContain('package.json')
    const { stdout } = await runCli(bin, ['../beside', ...fast], join(place, 'stand'))
    expect(stdout).toContain('  cd ../beside\n')
  })

  it('goes on when nobody reads its output to the end', async () => {
    const place = temporaryDirectory()
    const script = `"${process.execPath}" "${bin}" x ${fast.join(' ')} 2>err | true; echo \${PIPESTATUS[0]}`
    const output = execFileSync('bash', ['-c', script], {
      cwd: place,
      env: environment(),
      encoding: 'utf8',
    })
    expect(output).toBe('0\n')
    expect(readdirSync(join(place, 'x'))).toContain('package.json')
  })
})
