import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Project } from '../project.js'

/** Replaces a piece of a compiled file, as its owner would change it in the source. @throws Error when it is not there. */
export async function change({ folder }: Project, file: string, from: string, to: string) {
  const path = join(folder, 'dist', file)
  const text = await readFile(path, 'utf8')
  if (!text.includes(from)) throw new Error(`${path} does not contain ${from}`)
  await writeFile(path, text.replace(from, to))
}
