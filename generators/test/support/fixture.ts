import { execFile, execFileSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll } from 'vitest'
import { cleanEnvironment } from '../../src/environment.js'

const own = resolve(import.meta.dirname, '../..')

const temporary: string[] = []
afterAll(() => {
  for (const path of temporary.splice(0))
    rmSync(path, { recursive: true, force: true, maxRetries: 3 })
})

/** A directory that is removed after the file's tests. */
export function temporaryDirectory(): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'generators-test-')))
  temporary.push(path)
  return path
}

export function writeTree(root: string, files: Record<string, string | Buffer>): string {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  return root
}

/** Small templates; nothing in them is asked of a registry. */
export const fixtureTemplates: Record<string, string> = {
  'server/package.json': JSON.stringify({
    name: 'server',
    private: true,
    scripts: { build: 'node build.cjs' },
    dependencies: { '@mcp-prod/auth': '*' },
  }),
  'server/build.cjs':
    "require('node:fs').writeFileSync('built.txt', require.resolve('@mcp-prod/auth'))\n",
  'server/_gitignore': 'node_modules/\n.env\nbuilt.txt\n',
  'server/_env.hbs':
    'MCP_DEV_API_KEY={{devKey}} # +apikey\nAPI_KEYS=dev:{{devKeyHash}} # +apikey\nCLIENT_SECRET={{devClientSecret}} # +oauth\n',
  'server/README.md.hbs': '# {{name}}\n',
  'server/app.ts':
    'base()\nstdio() // +stdio\ncompose() // +compose\nupstream() // +upstream\npostgres() // +postgres\nredis() // +redis\n',
  '+apikey/keys.ts': 'apikey\n',
  '+oauth/tokens.ts': 'oauth\n',
  '+oauth/auth-server.ts': 'oauth\n',
  '+jwt/tokens.ts': 'jwt\n',
  '+introspection/tokens.ts': 'introspection\n',
  '+stdio/stdio.ts': 'stdio\n',
  '+github/_github/workflows/ci.yml': 'run: $' + '{{ matrix.node }}\n',
  '+compose/Dockerfile': 'FROM scratch\nCOPY vendor vendor # +vendor\n',
  'README.md': 'not output\n',
}

function copyPackage(to: string, version?: string): string {
  for (const part of ['bin', 'dist', 'package.json']) {
    cpSync(join(own, part), join(to, part), { recursive: true })
  }
  if (version) {
    const manifest = JSON.parse(readFileSync(join(own, 'package.json'), 'utf8'))
    writeTree(to, { 'package.json': JSON.stringify({ ...manifest, version }) })
  }
  symlinkSync(join(own, 'node_modules'), join(to, 'node_modules'))
  symlinkSync(resolve(own, '../node_modules'), join(to, '../node_modules'))
  return join(to, 'bin/create-mcp-prod.js')
}

/** This package as a registry would give it: templates and versions inside. @returns the path of the command. */
export function fixtureInstallation(templates = fixtureTemplates, version?: string): string {
  const home = join(temporaryDirectory(), 'installed')
  writeTree(join(home, 'templates'), templates)
  writeTree(home, {
    'kit/versions.json': `{ "@mcp-prod/auth": "${version ?? '1.2.3'}", "@mcp-prod/rpc": "${version ?? '1.2.4'}" }`,
  })
  return copyPackage(home, version)
}

/** This package in a clone, with two packages of the kit beside it. @returns the path of the command. */
export function fixtureClone(templates = fixtureTemplates): string {
  const root = temporaryDirectory()
  const kitPackage = (name: string, dependencies: object) =>
    JSON.stringify({
      name: `@mcp-prod/${name}`,
      version: '0.1.0',
      main: 'dist/index.js',
      dependencies,
    })
  writeTree(join(root, 'templates'), templates)
  writeTree(root, {
    'package.json': '{ "name": "clone", "private": true, "workspaces": ["packages/*"] }',
    'packages/auth/package.json': kitPackage('auth', { '@mcp-prod/rpc': '^0.1.0' }),
    'packages/auth/dist/index.js': "require('@mcp-prod/rpc')\n",
    'packages/rpc/package.json': kitPackage('rpc', {}),
    'packages/rpc/dist/index.js': '',
  })
  return copyPackage(join(root, 'generators'))
}

/** The user's environment, but no registry to ask and an identity for git. */
export function environment(): NodeJS.ProcessEnv {
  const gitConfig = join(temporaryDirectory(), 'gitconfig')
  writeFileSync(gitConfig, '[user]\n  name = Test\n  email = test@example.com\n')
  const { GIT_AUTHOR_EMAIL, GIT_COMMITTER_EMAIL, EMAIL, CI, ...env } = cleanEnvironment()
  return {
    ...env,
    npm_config_registry: 'http://127.0.0.1:9',
    GIT_CONFIG_GLOBAL: gitConfig,
    NO_COLOR: '1',
    // npm keeps one in TMPDIR, where tests look for what the command left.
    NODE_DISABLE_COMPILE_CACHE: '1',
  }
}

export interface CliResult {
  exitCode: number
  stdout: string
  stderr: string
}

export function runCli(
  bin: string,
  args: string[],
  cwd: string,
  env = environment(),
): Promise<CliResult> {
  return new Promise((resolveResult) => {
    execFile(process.execPath, [bin, ...args], { cwd, env }, (error, stdout, stderr) => {
      resolveResult({ exitCode: error ? Number(error.code) : 0, stdout, stderr })
    }).stdin?.end()
  })
}

export function git(cwd: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd, encoding: 'utf8', env: environment() }).trim()
}
