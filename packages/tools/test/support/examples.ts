import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const packageFolder = fileURLToPath(new URL('../../', import.meta.url))

/** What the blocks of one example export. */
export type Example = Readonly<Record<string, unknown>>

/** The examples as EXAMPLES.md has them, by their headings; `remove` deletes the files that they were written to. */
export async function loadExamples() {
  const text = await readFile(join(packageFolder, 'EXAMPLES.md'), 'utf8')
  const parent = join(packageFolder, 'test', 'dist')
  await mkdir(parent, { recursive: true })
  // Compilers and formatters leave both alone, should a run be killed: `dist`, and what begins with a dot.
  const folder = await mkdtemp(join(parent, '.examples-'))
  const examples = new Map<string, Example>()
  for (const section of text.split(/^## /m).slice(1)) {
    const [title = ''] = section.split('\n', 1)
    const blocks = [...section.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = '']) => code)
    examples.set(title, await importBlocks(folder, `example-${examples.size}`, blocks))
  }
  return { examples, remove: () => rm(folder, { recursive: true, force: true }) }
}

async function importBlocks(folder: string, name: string, blocks: readonly string[]) {
  const files: string[] = []
  for (const [index, code] of blocks.entries()) {
    const [, named = `${name}-${index}.ts`] = /^\/\/ (\S+\.ts)\n/.exec(code) ?? []
    const file = join(folder, named)
    await writeFile(file, ofSources(folder, code), { flag: 'wx' })
    // A worker file is loaded by its thread.
    if (!named.endsWith('.worker.ts')) files.push(file)
  }
  const modules = files.map((file) => import(/* @vite-ignore */ pathToFileURL(file).href))
  return Object.assign({}, ...(await Promise.all(modules))) as Example
}

/** The package as it is in `src`, and not as it was built. */
function ofSources(folder: string, code: string): string {
  const sources = relative(folder, join(packageFolder, 'src'))
  return code.replace(/'@mcp-prod\/tools(?:\/([\w-]+))?'/g, (_, entry = 'index') => {
    return `'${sources}/${entry}.js'`
  })
}
