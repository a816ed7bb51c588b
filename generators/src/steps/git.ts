import { realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Context } from '../context.js'
import { cleanEnvironment } from '../environment.js'
import { type RunResult, run } from '../run.js'
import { exists } from '../target.js'

/** None of the user's hooks, no signature that would ask for a passphrase. */
const quiet = [
  '-c',
  'core.hooksPath=/dev/null',
  '-c',
  'commit.gpgSign=false',
  '-c',
  'init.defaultBranch=main',
]

/** What makes the repository by hand. */
export const firstCommit = ['git init', 'git add --all', 'git commit -m "First commit"']

/** A repository with everything in it but what it ignores. Whatever hinders that is said, and is no failure. */
export async function git(context: Context): Promise<void> {
  if (!context.plan.git) return
  await context.progress.step('git', async () => {
    try {
      return await commitAll(context)
    } catch (error) {
      context.signal.throwIfAborted()
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
      return missing ? 'skipped: git is not on the PATH' : `skipped: ${(error as Error).message}`
    }
  })
}

/** Why there is to be no repository, or undefined. */
export async function reasonForNone({
  plan: { target },
  signal,
}: Context): Promise<string | undefined> {
  // One that was cloned, and may have a remote and hooks: what is committed there is its owner's business.
  if (await exists(join(target, '.git'))) return 'it is a git repository already'
  const place = await realpath(target)
  const above = (...args: string[]) =>
    run('git', args, { cwd: dirname(place), env: environment(), signal })
  const around = await above('rev-parse', '--is-inside-work-tree')
  const isOutside = around.exitCode !== 0 && around.output.includes('not a git repository')
  if (isOutside || (await above('check-ignore', '-q', place)).exitCode === 0) return undefined
  return 'already inside a git repository'
}

function environment(): NodeJS.ProcessEnv {
  return { ...cleanEnvironment(), LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0' }
}

async function commitAll(context: Context): Promise<string> {
  const { target } = context.plan
  const { signal } = context
  const none = await reasonForNone(context)
  if (none) return `skipped: ${none}`
  const env = environment()
  const tryGit = (...args: string[]) =>
    run('git', [...quiet, ...args], { cwd: target, env, signal })
  const mustGit = async (...args: string[]) => {
    const result = await tryGit(...args)
    if (result.exitCode !== 0) throw new Error(lastLine(result))
    return result
  }
  await mustGit('init', '--quiet')
  await mustGit('add', '--all')
  const secret = await mustGit('ls-files', '--', '.env')
  if (secret.output !== '') {
    await tryGit('rm', '--quiet', '--cached', '.env')
    return 'initialised, not committed: .env is not ignored'
  }
  const identity = await tryGit('-c', 'user.useConfigOnly=true', 'var', 'GIT_COMMITTER_IDENT')
  if (identity.exitCode !== 0)
    return 'initialised, not committed: git knows no user.name and user.email'
  await mustGit('commit', '--quiet', '--message', 'Start from create-mcp-prod')
  return 'first commit on main'
}

function lastLine({ output }: RunResult): string {
  return output.trim().split('\n').at(-1) ?? ''
}
