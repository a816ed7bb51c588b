import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { RequestOptions } from 'node:http'
import { fileURLToPath } from 'node:url'

export interface FloodOptions extends Pick<RequestOptions, 'method' | 'headers'> {
  /** How many requests in all. */
  count: number
  /** How many at the same time. @default 20 */
  concurrency?: number
  body?: string
}

/** How often each outcome was had: a status, or the code of what broke the connection. */
export type Outcomes = Record<string, number>

/** Sends the same request again and again, from a process of its own: whoever measures meanwhile must not be slowed. */
export async function flood(url: string | URL, options: FloodOptions): Promise<Outcomes> {
  const script = fileURLToPath(new URL('flooder.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', script], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  child.send({ url: String(url), options })
  const [outcomes] = await once(child, 'message')
  return outcomes as Outcomes
}
