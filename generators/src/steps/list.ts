import type { Context } from '../context.js'
import { kilobytes, totalBytes } from '../sizes.js'

/** `--dry-run`: what would be written. */
export async function list({ files, plan, progress }: Context): Promise<void> {
  for (const [path, { content }] of files)
    progress.say(`${String(content.length).padStart(8)}  ${path}`)
  progress.say(
    `${files.size} files, ${kilobytes(totalBytes(files))}, for ${plan.target}: nothing was written`,
  )
}
