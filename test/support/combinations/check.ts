import type { Selection } from '../../../generators/dist/features.js'
import { must } from '../command.js'
import { lay } from '../laid.js'

/**
 * Writes a server and lets it do what its own CI does: types and lint, build, and its tests if they are wanted.
 *
 * @throws Error with everything that the failing command printed.
 */
export async function check(selection: Selection, withTests = true): Promise<void> {
  const { folder, remove } = await lay(selection)
  try {
    await must('npm', ['run', 'check'], folder)
    await must('npm', ['run', 'build'], folder)
    if (withTests) await must('npm', ['test'], folder)
  } finally {
    await remove()
  }
}
