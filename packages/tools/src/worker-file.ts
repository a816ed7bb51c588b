import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { optionError } from './errors.js'

/** The file itself or, where nothing is compiled yet, the TypeScript file beside it. */
export function sourceOf(file: URL): URL {
  if (existsSync(file) || !file.pathname.endsWith('.js')) return file
  const source = new URL(file)
  source.pathname = source.pathname.replace(/\.js$/, '.ts')
  return existsSync(source) ? source : file
}

/**
 * What a thread needs to run these files: nothing, or tsx for a TypeScript file, looked up beside it.
 *
 * @throws TypeError `ERR_TOOLS_OPTION` when a file is not there, or tsx is not.
 */
export function execArgvFor(files: readonly URL[]): string[] | undefined {
  for (const file of files) {
    if (!existsSync(file)) optionError(`the worker file ${fileURLToPath(file)} does not exist`)
  }
  const typescript = files.find((file) => file.pathname.endsWith('.ts'))
  if (!typescript) return undefined
  try {
    const api = pathToFileURL(createRequire(typescript).resolve('tsx/esm/api'))
    return ['--import', registering(new URL('./index.mjs', api))]
  } catch {
    return optionError(
      `the worker file ${fileURLToPath(typescript)} is TypeScript: compile it, or install tsx`,
    )
  }
}

/** `--import tsx` alone does nothing in a thread before Node 22. */
function registering(api: URL): string {
  const code = `import { register } from ${JSON.stringify(api.href)}; register()`
  return `data:text/javascript,${encodeURIComponent(code)}`
}
