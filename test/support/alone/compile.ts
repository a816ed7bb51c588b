import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { must } from '../command.js'

export type ModuleKind = 'module' | 'commonjs'

/**
 * Compiles files as a strict project of somebody else does: nothing of their dependencies' types is taken on trust.
 *
 * @returns the folder of the JavaScript. @throws Error with what the compiler says
 */
export async function compile(
  tsc: string,
  folder: string,
  type: ModuleKind,
  files: Record<string, string>,
): Promise<string> {
  const out = join(folder, 'out')
  await mkdir(out, { recursive: true })
  const compilerOptions = {
    target: 'es2023',
    lib: ['es2023'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    isolatedModules: true,
    // A CommonJS file may not even write `import` with it.
    verbatimModuleSyntax: type === 'module',
    skipLibCheck: false,
    rootDir: '.',
    outDir: 'out',
  }
  const config = { compilerOptions, files: Object.keys(files) }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type }))
  for (const [name, code] of Object.entries(files)) await writeFile(join(folder, name), code)
  await must(process.execPath, [tsc, '-p', folder], folder)
  return out
}
