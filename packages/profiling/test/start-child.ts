import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ProfileEvent, ProfilingOptions } from '../src/index.js'
import { BEARER, closers } from './serve.js'

/** A server in a process of its own, with work of its own: see server-child.ts. */
export async function startChild(options: Partial<ProfilingOptions> = {}, ...nodeArgs: string[]) {
  const script = fileURLToPath(new URL('server-child.ts', import.meta.url))
  const args = [...nodeArgs, '--import', 'tsx', script, JSON.stringify(options)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  closers.push(() => child.kill('SIGKILL'))
  child.stderr.resume()
  const lines = createInterface(child.stdout)
  const [port] = await once(lines, 'line')
  const events: ProfileEvent[] = []
  lines.on('line', (line) => events.push(JSON.parse(line)))
  const url = `http://127.0.0.1:${port}`
  const get = (path: string) => fetch(`${url}/debug${path}`, { headers: BEARER })
  return { url, port: Number(port), events, get }
}
