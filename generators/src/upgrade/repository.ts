import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cleanEnvironment } from '../environment.js'
import { type RunResult, run } from '../run.js'

/** No program that the repository's settings name, no index written, nothing fetched. */
const readOnly = ['core.fsmonitor=false', 'core.hooksPath=/dev/null', 'core.quotePath=false']
const quiet = { GIT_OPTIONAL_LOCKS: '0', GIT_NO_LAZY_FETCH: '1', LC_ALL: 'C' }

/** By git itself, with all its files of rules; nothing where there is no git or no repository. */
export async function ignoredIn(
  project: string,
  paths: string[],
  signal: AbortSignal,
): Promise<Set<string>> {
  if (paths.length === 0) return new Set()
  const result = await git(project, ['check-ignore', '--', ...paths], signal)
  return new Set(result?.output.split(/\r?\n/))
}

/** Whether the repository still has this content, which git needs to merge by three. */
export async function hasBlob(project: string, id: string, signal: AbortSignal): Promise<boolean> {
  return (await git(project, ['cat-file', '-e', id], signal))?.exitCode === 0
}

async function git(
  project: string,
  args: string[],
  signal: AbortSignal,
): Promise<RunResult | undefined> {
  const settings = readOnly.flatMap((setting) => ['-c', setting])
  try {
    const env = { ...cleanEnvironment(), ...quiet }
    return await run('git', [...settings, ...args], { cwd: project, env, signal })
  } catch (error) {
    signal.throwIfAborted()
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return undefined
  }
}

/** The nearest directory with .git, which in a worktree is a file. */
export function repositoryOf(project: string): string | undefined {
  for (let at = project; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return at
    if (at === dirname(at)) return undefined
  }
}
