import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Balancer, fillIn, type Replicas, tempFolder } from './balancer.js'
import { startChild, waitFor } from './child.js'
import { fixedPorts } from './ports.js'
import type { Name } from './replica.js'

/** After how long a controller of endpoints has heard that a replica stops, and has told the proxy. */
const CONTROLLER_MS = 1_000

/** nginx, which checks nobody: a controller writes down who is there, and reloads it. */
export async function startNginx({ a, b }: Replicas): Promise<Balancer> {
  const folder = await tempFolder('nginx')
  // Its workers have another user.
  await chmod(folder.path, 0o755)
  const [port = 0] = await fixedPorts(1)
  const file = join(folder.path, 'nginx.conf')
  const down = new Set<Name>()
  let generation = 0
  async function configure(): Promise<void> {
    generation++
    const config = await fillIn('nginx.conf', {
      folder: folder.path,
      port,
      generation,
      aPort: a.port,
      bPort: b.port,
      a: down.has('a') ? ' down' : '',
      b: down.has('b') ? ' down' : '',
    })
    await writeFile(file, config)
  }
  await configure()
  const child = startChild('nginx', ['-e', 'stderr', '-c', file], { end: 'SIGTERM' })
  const serving = () =>
    waitFor('nginx to take its configuration', child, async () => {
      const response = await fetch(`http://127.0.0.1:${port}/generation`)
      return (await response.text()) === String(generation)
    })
  await serving()
  async function reload(): Promise<void> {
    await configure()
    // As `nginx -s reload` does it.
    child.process.kill('SIGHUP')
    await serving()
  }
  return {
    url: new URL(`http://127.0.0.1:${port}/mcp`),
    async leave(name) {
      down.add(name)
      await sleep(CONTROLLER_MS)
      await reload()
    },
    join(name) {
      down.delete(name)
      return reload()
    },
    complaints: () => child.lines.filter((line) => /\[(error|crit|alert|emerg)\]/.test(line)),
    async stop() {
      child.process.kill('SIGTERM')
      await child.exited
      await folder.remove()
    },
  }
}
