import { cp, mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must, root } from './command.js'
import type { Registry } from './registry.js'

/**
 * A copy of what is committed or about to be, as a repository of its own, for a release to change versions and
 * changelogs in.
 */
export async function workingCopy() {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-prod-release-'))
  const listed = await must('git', ['ls-files', '-z', '-co', '--exclude-standard'], root)
  const files = listed.split('\0').filter(Boolean)
  const compiled = (await readdir(join(root, 'packages'))).map((name) => `packages/${name}/dist`)
  for (const path of [...files, ...compiled, 'generators/dist']) {
    // One that is deleted and not yet committed is listed still.
    await cp(join(root, path), join(folder, path), { recursive: true }).catch(unlessMissing)
  }
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  const git = (...args: string[]) =>
    must('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.com', ...args], folder)
  await git('init', '--quiet', '--initial-branch=main')
  await git('add', '--all')
  await git('commit', '--quiet', '--message', 'state')
  return { folder, git, remove: () => rm(folder, { recursive: true, force: true }) }
}

/** The release script, as the workflow runs it. */
export function release(folder: string, registry: Registry, ...args: string[]): Promise<string> {
  return must('npm', ['run', 'release', '--', ...args], folder, registry.env)
}

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
