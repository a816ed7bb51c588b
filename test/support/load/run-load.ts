import { mkdtemp, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Run, runSchema } from '../../../templates/server/load/run.js'
import { startChild } from '../rolling/child.js'

export interface Loaded {
  code: number | null
  /** What it printed, both streams. */
  output: string
  /** Its results; undefined when it wrote none. */
  run: Run | undefined
  out: string
}

interface Setup {
  folder: string
  url: URL
  key: string
  /** A folder to write the results to, for a run that is to find those of another. */
  out?: string
  env?: NodeJS.ProcessEnv
}

/** Starts the generated project's own script, as `npm run load` does. */
export async function startLoad(setup: Setup, args: readonly string[]) {
  const { folder, url, key, env } = setup
  const out = setup.out ?? (await mkdtemp(join(folder, 'results-')))
  const words = ['--import', 'tsx', 'load/main.ts', '--url', url.href, '--out', out, ...args]
  const child = startChild(process.execPath, words, {
    cwd: folder,
    env: { TOKEN: key, ...env },
    end: 'SIGKILL',
  })
  async function ended(): Promise<Loaded> {
    const code = await child.exited
    return { code, output: child.lines.join('\n'), run: await lastRun(out), out }
  }
  return { child, ended }
}

/** Runs it to its end. */
export async function load(setup: Setup, ...args: string[]): Promise<Loaded> {
  return (await startLoad(setup, args)).ended()
}

async function lastRun(out: string): Promise<Run | undefined> {
  const files = (await readdir(out)).filter((name) => name.endsWith('.json')).sort()
  const last = files.at(-1)
  if (last === undefined) return undefined
  return runSchema.parse(JSON.parse(await readFile(join(out, last), 'utf8')))
}
