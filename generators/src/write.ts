import { mkdir, mkdtemp, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Files } from './render.js'
import { exists, inspectTarget } from './target.js'

/** What the steps after the writing make. */
const addedLater = ['node_modules', 'package-lock.json', 'dist', '.git']

/** Takes back everything that was made, the newest first. */
export type Undo = () => Promise<void>

/**
 * Writes a project so that it is there as a whole or not at all: into a temporary directory beside the target,
 * which then takes the target's name. An existing empty directory stays what it is (it may be where the shell
 * stands, a link or a mount); there the temporary directory is inside and its entries move up. What somebody puts there
 * meanwhile is not ours to remove.
 *
 * @returns what removes the project again, with what npm, the build and git added to it since.
 * @throws after it has removed what it made: CliError for a target that cannot be used, the signal's reason, the
 *   system's error.
 */
export async function writeProject(
  files: Files,
  target: string,
  signal?: AbortSignal,
): Promise<Undo> {
  const made: Undo[] = []
  const undo = async () => {
    for (const remove of made.splice(0).reverse()) await remove()
  }
  try {
    const isEmpty = (await inspectTarget(target)) === 'empty'
    const home = isEmpty ? target : dirname(target)
    await makeDirectories(home, made)
    const staging = await mkdtemp(join(home, '.create-mcp-prod-'))
    made.push(() => rm(staging, { recursive: true, force: true }))
    const project = join(staging, 'project')
    await writeAll(files, project, signal)
    if (isEmpty) {
      const before = await readdir(target)
      const ours = [...(await readdir(project)), ...addedLater]
      made.push(() =>
        removeFrom(
          target,
          ours.filter((entry) => !before.includes(entry)),
        ),
      )
      for (const entry of await readdir(project))
        await rename(join(project, entry), join(target, entry))
    } else {
      // A directory that came into being meanwhile makes this fail, unless it is empty.
      await rename(project, target)
      made.push(() => rm(target, { recursive: true, force: true, maxRetries: 3 }))
    }
    await rm(staging, { recursive: true })
    return undo
  } catch (error) {
    await undo()
    throw error
  }
}

async function writeAll(files: Files, project: string, signal?: AbortSignal): Promise<void> {
  // Not the temporary directory itself: that one is private, and the project gets the user's usual mode.
  await mkdir(project)
  for (const [path, { content, mode }] of files) {
    signal?.throwIfAborted()
    await mkdir(dirname(join(project, path)), { recursive: true })
    await writeFile(join(project, path), content, { mode, flag: 'wx' })
  }
  signal?.throwIfAborted()
}

async function makeDirectories(path: string, made: Undo[]): Promise<void> {
  const missing: string[] = []
  for (let at = path; !(await exists(at)); at = dirname(at)) missing.unshift(at)
  for (const directory of missing) {
    await mkdir(directory)
    // One that somebody else put something into meanwhile stays.
    made.push(() => rmdir(directory).catch(() => {}))
  }
}

async function removeFrom(directory: string, entries: readonly string[]): Promise<void> {
  for (const entry of entries) {
    await rm(join(directory, entry), { recursive: true, force: true, maxRetries: 3 })
  }
}
