import { hashApiKey } from '@mcp-prod/auth'
import type { Selection } from '../../../generators/dist/features.js'
import { type Project, writeServer } from '../project.js'
import { type Manifest, rendered, settingsOf, writeDeploy } from './manifests.js'
import type { Subject } from './pods.js'
import { environmentOf, viewOf } from './server.js'

export const overlays = ['dev', 'staging', 'production'] as const
export type Overlay = (typeof overlays)[number]

/** A generated server, and what it is deployed with. */
export interface Variant {
  project: Project
  /** Holds its `deploy`. */
  folder: string
  subjects: Record<Overlay, Subject>
  canary: Manifest[]
  /** The files of its Secret, by name. */
  secrets: Record<string, string>
}

export async function prepare(scratch: string, name: string, selection: Selection) {
  const project = await writeServer(`kubernetes-${name}`, selection)
  const folder = await writeDeploy(scratch, selection)
  const key = { id: 'dev', hash: hashApiKey(project.key), principal: 'dev', scopes: ['stats:read'] }
  const secrets = {
    API_KEYS: JSON.stringify([key]),
    // As editors leave files, with an end of line.
    DATABASE_URL: 'postgres://app:password@db.internal:5432/app?sslmode=verify-full\n',
    REDIS_URL: 'rediss://app:password@redis.internal:6379/0\n',
    REQUEST_STATE_KEYS: 'a-key-that-all-replicas-have-of-32-bytes\n',
    ADMIN_TOKEN: 'a-token-of-the-private-port\n',
    OAUTH_CLIENT_SECRET: 'a-secret-of-the-server\n',
  }
  const found: [Overlay, Subject][] = []
  for (const overlay of overlays) {
    const manifests = await rendered(folder, overlay)
    const env = await environmentOf(scratch, settingsOf(manifests), secrets)
    // Throws for a value that the server refuses.
    found.push([overlay, { manifests, server: await viewOf(project, env) }])
  }
  const subjects = Object.fromEntries(found) as Record<Overlay, Subject>
  const canary = await rendered(folder, 'production-canary')
  return { project, folder, subjects, canary, secrets } satisfies Variant
}
