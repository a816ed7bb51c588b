import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { printConfig } from '@mcp-prod/config'
import type { Project } from '../project.js'

/** What a server makes of the settings of its pods. */
export interface ServerView {
  /** Every setting it has. */
  names: string[]
  /** What it would run with. */
  config: Record<string, unknown>
  /** Secrets that stand in the environment itself. */
  exposed: string[]
}

/** The settings as a pod gets them, with the files of its Secret in a folder of this machine. */
export async function environmentOf(
  scratch: string,
  settings: Record<string, string>,
  secrets: Record<string, string>,
): Promise<Record<string, string>> {
  const folder = await mkdtemp(join(scratch, 'secret-'))
  for (const [key, value] of Object.entries(secrets)) await writeFile(join(folder, key), value)
  const moved = Object.entries(settings).map(([name, value]) => [
    name,
    value.replace('/run/secrets/my-server', folder),
  ])
  return { NODE_ENV: 'production', ...Object.fromEntries(moved) }
}

/** Asks the compiled code of a server itself. @throws ConfigError for settings that it refuses. */
export async function viewOf(
  { folder }: Project,
  env: Record<string, string>,
): Promise<ServerView> {
  const { settings, readConfig } = await import(pathToFileURL(join(folder, 'dist/config.js')).href)
  const lines = printConfig(settings, { env }).split('\n')
  return {
    names: Object.keys(settings),
    config: readConfig(env),
    exposed: lines.flatMap((line) => /^(\w+)=\[set\] \(environment\)$/.exec(line)?.[1] ?? []),
  }
}
