import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Name, Ports } from './replica.js'

export type Replicas = Readonly<Record<Name, Ports>>

/** What stands in front of the replicas, with the controller that tells it which of them are there. */
export interface Balancer {
  url: URL
  /** Called when a replica was told to stop; resolves when it is sent no more requests. */
  leave(name: Name): Promise<void>
  /** Called when a replica is ready again; resolves when it is sent requests. */
  join(name: Name): Promise<void>
  /** What it says has gone wrong. */
  complaints(): string[]
  stop(): Promise<void>
}

export type StartBalancer = (replicas: Replicas) => Promise<Balancer>

/** A folder for one run of a program. */
export async function tempFolder(name: string) {
  const path = await mkdtemp(join(tmpdir(), `mcp-prod-${name}-`))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

/** A configuration from this folder, with its `{{name}}` filled in. @throws Error for one that has no value. */
export async function fillIn(file: string, values: Record<string, string | number>) {
  const template = await readFile(new URL(file, import.meta.url), 'utf8')
  return template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`${file} wants a value for ${name}`)
    return String(value)
  })
}
