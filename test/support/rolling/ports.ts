import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'

/**
 * Free ports that stay free while what listened on them is restarted: none of those from which the system takes one for
 * every outgoing connection.
 */
export async function fixedPorts(count: number): Promise<number[]> {
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(
    () => '32768',
  )
  const end = Math.min(Number.parseInt(range, 10), 32_768)
  const ports = new Set<number>()
  for (let tries = 0; ports.size < count; tries++) {
    if (tries === 1000) throw new Error(`found no ${count} free ports below ${end}`)
    const port = Math.floor(end / 2 + Math.random() * (end / 2))
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
