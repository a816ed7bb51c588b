import { hashApiKey } from '@mcp-prod/auth'
import { noLimits } from '../no-limits.js'
import { type Child, startChild, waitFor } from './child.js'
import type { Project } from './project.js'

/** Two replicas, known to the proxies by these names. */
export type Name = 'a' | 'b'
export interface Ports {
  port: number
  adminPort: number
}

/**
 * Milliseconds for which a replica that was told to stop still takes calls: enough for a balancer to hear of it, and so
 * few that the longest of these calls are still running when it closes.
 */
export const GRACE_MS = 3_000

export interface Replica extends Child {
  name: Name
}

/** Starts one as production does, with these settings too; resolves when it is ready. */
export async function startReplica(
  { folder, key }: Project,
  name: Name,
  { port, adminPort }: Ports,
  env: Record<string, string> = {},
): Promise<Replica> {
  const child = startChild(process.execPath, ['dist/main.js'], {
    cwd: folder,
    end: 'SIGKILL',
    env: {
      NODE_ENV: 'production',
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
      TRUST_PROXY: '1',
      SHUTDOWN_GRACE: `${GRACE_MS}ms`,
      // All clients have one address and one key.
      ...noLimits,
      API_KEYS: JSON.stringify([
        { id: 'dev', hash: hashApiKey(key), principal: 'developer', scopes: [] },
      ]),
      ...env,
    },
  })
  const ready = () => fetch(`http://127.0.0.1:${adminPort}/ready`).then(({ ok }) => ok)
  await waitFor(`replica ${name} to be ready`, child, ready)
  return { ...child, name }
}

/** How many calls of the tool a replica has answered, by its log. */
export function answeredBy({ lines }: Replica, tool: string): number {
  return lines.filter((line) => {
    if (!line.includes(`"tool":"${tool}"`)) return false
    const { message, status } = JSON.parse(line)
    return message === 'request' && status === 200
  }).length
}
