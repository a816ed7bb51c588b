import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Run, runSchema } from './run.js'

/** A URL without what may be a secret: what stands in its query. */
export function shownUrl(url: URL): string {
  const shown = new URL(url)
  shown.hash = ''
  for (const name of new Set(shown.searchParams.keys())) shown.searchParams.set(name, '***')
  return shown.href
}

/** Whatever came from the command line or the server: the credential is in none of its texts. */
export function withoutSecret<T>(value: T, secret: string): T {
  const hide = (text: string) => (secret === '' ? text : text.replaceAll(secret, '***'))
  function copy(each: unknown): unknown {
    if (typeof each === 'string') return hide(each)
    if (Array.isArray(each)) return each.map(copy)
    if (typeof each !== 'object' || each === null) return each
    return Object.fromEntries(Object.entries(each).map(([name, own]) => [hide(name), copy(own)]))
  }
  return copy(value) as T
}

/** Earlier runs, the newest first; what is no run of this form is passed over. */
export async function readRuns(folder: string): Promise<Run[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const runs: Run[] = []
  for (const name of names.filter((each) => each.endsWith('.json'))) {
    const run = await readRun(join(folder, name))
    if (run) runs.push(run)
  }
  return runs.sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1))
}

async function readRun(file: string): Promise<Run | undefined> {
  const text = await readFile(file, 'utf8')
  try {
    return runSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** Where a run was written. */
export interface Written {
  json: string
  page: string
}

export async function writeRun(folder: string, run: Run, page: string): Promise<Written> {
  await mkdir(folder, { recursive: true })
  // Colons are none of a file's name everywhere.
  const json = join(folder, `${run.startedAt.replaceAll(':', '-')}.json`)
  const latest = join(folder, 'latest.html')
  await writeFile(json, `${JSON.stringify(run, undefined, 2)}\n`)
  await writeFile(latest, page)
  return { json, page: latest }
}
