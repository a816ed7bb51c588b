import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { must } from '../command.js'
import { type Project, writeServer } from '../project.js'

export type { Project }

const toolFile = 'digest-later.ts'

/** Writes and compiles the generated server as it comes by default, with one tool more. */
export async function buildProject(): Promise<Project> {
  const project = await writeServer('rolling')
  await addTool(project.folder)
  await must('npx', ['tsc', '-p', 'tsconfig.build.json'], project.folder)
  return project
}

/** As `npm run generate tool` does it. */
async function addTool(folder: string): Promise<void> {
  const tool = await readFile(new URL(toolFile, import.meta.url))
  await writeFile(join(folder, 'src', 'tools', toolFile), tool)
  const list = join(folder, 'src', 'tools', 'index.ts')
  const before = await readFile(list, 'utf8')
  const type = "import type { Tool } from '@mcp-prod/tools'\n"
  const end = '  // `npm run generate tool`'
  if (!before.includes(type) || !before.includes(end))
    throw new Error('src/tools/index.ts has no place for a tool')
  const after = before
    .replace(type, `${type}import { digestLater } from './digest-later.js'\n`)
    .replace(end, `  digestLater,\n${end}`)
  await writeFile(list, after)
}
