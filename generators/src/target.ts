import { access, constants, lstat, readdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CliError, reason, shown } from './errors.js'

/** What a directory may hold and still counts as empty: it was cloned from an empty repository, or looked at on a Mac. */
const nothing = new Set(['.git', '.DS_Store'])

/**
 * Whether a project may be written to this directory, and whether it stands already (and is empty). Looks only.
 *
 * @throws CliError for a file, a directory with anything in it, and a place nobody may write to.
 */
export async function inspectTarget(path: string): Promise<'missing' | 'empty'> {
  try {
    if (!(await exists(path))) {
      await access(await nearestDirectory(path), constants.W_OK | constants.X_OK)
      return 'missing'
    }
    const target = await stat(path).catch(() => undefined)
    if (!target)
      throw new CliError(`${shown(path)} is a symbolic link to nothing: choose another directory`)
    if (!target.isDirectory())
      throw new CliError(`${shown(path)} is a file: choose another directory`)
    const [first] = (await readdir(path)).filter((entry) => !nothing.has(entry))
    if (first !== undefined) {
      throw new CliError(
        `directory ${shown(path)} is not empty (it holds ${shown(first)}): choose a new or an empty one`,
      )
    }
    await access(path, constants.W_OK | constants.X_OK)
    return 'empty'
  } catch (error) {
    throw error instanceof CliError ? error : cannotWrite(path, error)
  }
}

/** The error for a place that cannot be written to. */
export function cannotWrite(path: string, error: unknown): CliError {
  return new CliError(
    `cannot write to ${shown(path)}: ${reason(error)}: choose a directory you may write to`,
  )
}

/** Whether anything has this path, be it a broken symbolic link. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

async function nearestDirectory(path: string): Promise<string> {
  let at = dirname(path)
  while (!(await exists(at))) at = dirname(at)
  return at
}
