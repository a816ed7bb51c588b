import { writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Balancer, fillIn, type Replicas, tempFolder } from './balancer.js'
import { startChild, waitFor } from './child.js'
import { fixedPorts } from './ports.js'
import type { Name } from './replica.js'

/** HAProxy, which asks /ready twice a second and so finds out by itself who is there. */
export async function startHaproxy({ a, b }: Replicas): Promise<Balancer> {
  const folder = await tempFolder('haproxy')
  const [port = 0] = await fixedPorts(1)
  const file = join(folder.path, 'haproxy.cfg')
  const config = await fillIn('haproxy.cfg', {
    folder: folder.path,
    port,
    aPort: a.port,
    aAdminPort: a.adminPort,
    bPort: b.port,
    bAdminPort: b.adminPort,
  })
  await writeFile(file, config)
  const child = startChild('haproxy', ['-db', '-f', file], { end: 'SIGTERM' })
  const stats = join(folder.path, 'stats.sock')
  const seen = (name: Name, state: RegExp) =>
    waitFor(`HAProxy to find ${name} ${state}`, child, async () =>
      state.test(await stateOf(stats, name)),
    )
  const seenUp = (name: Name) => seen(name, /^UP L7OK$/)
  for (const name of ['a', 'b'] as const) await seenUp(name)
  return {
    url: new URL(`http://127.0.0.1:${port}/mcp`),
    leave: (name) => seen(name, /^DOWN/),
    join: seenUp,
    // Of a server that is away it says so too, which is no complaint.
    complaints: () => child.lines.filter((line) => line.includes(' /mcp ')),
    async stop() {
      child.process.kill('SIGTERM')
      await child.exited
      await folder.remove()
    },
  }
}

/** UP or DOWN, and what the last check has found. */
async function stateOf(socket: string, name: Name): Promise<string> {
  const connection = createConnection(socket)
  connection.write('show stat\n')
  const [head = '', ...rows] = (await text(connection)).replace(/^# /, '').split('\n')
  const names = head.split(',')
  const values = rows.find((line) => line.startsWith(`replicas,${name},`))?.split(',') ?? []
  const cell = (column: string) => values[names.indexOf(column)]
  return `${cell('status')} ${cell('check_status')}`
}
