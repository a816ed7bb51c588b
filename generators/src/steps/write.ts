import type { Context } from '../context.js'
import { CliError } from '../errors.js'
import { kilobytes, totalBytes } from '../sizes.js'
import { cannotWrite } from '../target.js'
import { writeProject } from '../write.js'

export async function write(context: Context): Promise<void> {
  const { files, plan, progress, signal } = context
  await progress.step('write', async () => {
    try {
      context.undo = await writeProject(files, plan.target, signal)
    } catch (error) {
      throw error instanceof CliError ? error : cannotWrite(plan.target, error)
    }
    return `${files.size} files, ${kilobytes(totalBytes(files))}`
  })
}
