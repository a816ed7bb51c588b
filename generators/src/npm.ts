import { cleanEnvironment } from './environment.js'
import { CliError } from './errors.js'
import { type RunOptions, type RunResult, run } from './run.js'

/** Runs npm in a project. @throws CliError when there is none. */
export async function npm(args: string[], options: RunOptions): Promise<RunResult> {
  try {
    return await run('npm', args, { ...options, env: cleanEnvironment() })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new CliError(
      'npm is not on the PATH: install it, it comes with Node, or give --no-install',
    )
  }
}
