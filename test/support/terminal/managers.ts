import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { must } from '../command.js'
import { type Registry, startRegistry } from '../registry.js'
import { release, workingCopy } from '../release.js'

/** The newest that run on Node 20; Yarn 1 and Yarn 4 are two programs that share nothing but a name. */
const packages = ['pnpm@12.21.0', 'yarn@1.22.22', '@yarnpkg/cli-dist@4.18.1']

export interface Stranger {
  registry: Registry
  /** Of every command: the registry, the package managers in the PATH, a new release allowed at once. */
  env: NodeJS.ProcessEnv
  /** An empty folder. */
  folder(name: string): Promise<string>
  remove(): Promise<void>
}

/** Somebody with every package manager and a registry that has what this clone would release. */
export async function stranger(): Promise<Stranger> {
  const registry = await startRegistry()
  const copy = await workingCopy()
  try {
    await release(copy.folder, registry)
  } finally {
    await copy.remove()
  }
  const home = registry.env.HOME ?? ''
  await writeFile(join(home, 'package.json'), '{ "private": true }')
  await must('npm', ['install', '--no-audit', '--no-fund', ...packages], home, registry.env)
  const bin = join(home, 'bin')
  await mkdir(bin)
  for (const [name, path] of [
    ['pnpm', 'pnpm/bin/pnpm.mjs'],
    ['yarn', 'yarn/bin/yarn.js'],
    ['yarn4', '@yarnpkg/cli-dist/bin/yarn.js'],
  ] as const) {
    await chmod(join(home, 'node_modules', path), 0o755)
    await symlink(join(home, 'node_modules', path), join(bin, name))
  }
  const env = {
    ...registry.env,
    PATH: `${bin}:${process.env.PATH}`,
    npm_config_update_notifier: 'false',
    YARN_NPM_REGISTRY_SERVER: registry.url,
    YARN_UNSAFE_HTTP_WHITELIST: '127.0.0.1',
    YARN_ENABLE_TELEMETRY: '0',
    // Yarn 4 and pnpm do not install what was published today; what is tested was published a minute ago.
    YARN_NPM_MINIMAL_AGE_GATE: '0',
    npm_config_minimum_release_age: '0',
  }
  return {
    registry,
    env,
    async folder(name) {
      const path = join(home, 'work', name)
      await mkdir(path, { recursive: true })
      return path
    },
    remove: () => registry.remove(),
  }
}

/** Where a lock file says that packages came from, each origin once. */
export async function originsIn(project: string): Promise<string[]> {
  const lock = JSON.parse(await readFile(join(project, 'package-lock.json'), 'utf8'))
  const entries = Object.values(lock.packages as Record<string, { resolved?: string }>)
  const urls = entries.flatMap(({ resolved }) => (resolved ? [new URL(resolved).origin] : []))
  return [...new Set(urls)]
}
