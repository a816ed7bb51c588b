import { cp, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { must, root } from '../support/command.js'
import type { Contestant } from './contestants.js'

const servers = fileURLToPath(new URL('servers/', import.meta.url))
const INSTALL = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']

/** Lays a contestant's server down in a folder of its own, installs exactly what it pins, and builds it. */
export async function install(contestant: Contestant, folder: string): Promise<void> {
  if (contestant.id === 'mcp-prod') return installOurs(folder)
  const { id, packages, development = {}, build = [] } = contestant
  await layDown(join(servers, id), folder)
  await cp(join(servers, 'work.mjs'), join(folder, id === 'xmcp' ? 'src' : '', 'work.mjs'))
  if (id === 'xmcp') {
    await layDown(join(servers, 'xmcp-minimal'), join(folder, 'minimal'))
    await writeFile(join(folder, 'minimal', 'package.json'), '{ "private": true }')
  }
  const manifest = {
    private: true,
    type: 'module',
    scripts: { 'build-minimal': 'cd minimal && xmcp build' },
    dependencies: packages,
    devDependencies: development,
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest, null, 2))
  await must('npm', INSTALL, folder)
  for (const [command = '', ...args] of build) await must(command, args, folder)
}

/** A server as the command writes it, with its defaults; a second one beside it only adds `--auth apikey+jwt`. */
async function installOurs(folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true })
  const command = join(root, 'generators', 'bin', 'create-mcp-prod.js')
  const flags = ['--yes', '--no-install', '--no-git']
  await must(process.execPath, [command, folder, ...flags], root)
  const withOauth = join(folder, 'with-oauth')
  await must(process.execPath, [command, withOauth, ...flags, '--auth', 'apikey+jwt'], root)
  await must('npm', INSTALL, folder)
  const tools = await readFile(join(servers, 'mcp-prod', 'tools.ts.txt'), 'utf8')
  await cp(join(servers, 'mcp-prod', 'echo.ts.txt'), join(folder, 'echo.ts'))
  for (const project of [folder, withOauth]) {
    await writeFile(join(project, 'src', 'tools', 'index.ts'), tools)
    await must('npx', ['tsc', '-p', join(project, 'tsconfig.build.json')], folder)
  }
}

/** Copies a folder; `.txt` at the end of a name only keeps this repository's own compiler away. */
async function layDown(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true })
  for (const entry of await readdir(to, { recursive: true })) {
    if (entry.endsWith('.txt')) {
      await rename(join(to, entry), join(to, entry.slice(0, -'.txt'.length)))
    }
  }
}
