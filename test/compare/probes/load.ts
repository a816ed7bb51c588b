import { Agent } from 'node:http'
import { connect } from '../client.js'
import { type Running, type Start, start, stop } from '../server-process.js'
import { send } from './http.js'

const CALLS = 2000
const LANES = 16
const params = { name: 'echo', arguments: { text: 'hello' } }

/** Calls of one client over sixteen connections, in a session where the server gives one. */
async function shoot(server: Running, goesOn: (sent: number) => boolean) {
  const client = await connect(server)
  const agent = new Agent({ keepAlive: true, maxSockets: LANES })
  const headers = {
    authorization: `Bearer ${server.token}`,
    ...(client.sessionId !== undefined && { 'mcp-session-id': client.sessionId }),
  }
  const statuses = new Map<number, number>()
  let sent = 0
  async function lane() {
    while (goesOn(sent)) {
      // Within a session no two calls may have the same id.
      const id = 100 + sent++
      const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })
      const { status } = await send(server.url, { headers, body, agent })
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  agent.destroy()
  await client.close()
  return statuses
}

/** Two thousand calls of one client, as fast as it can: whether any limit answers. */
export async function burst(how: Start): Promise<string> {
  const server = await start(how)
  try {
    const statuses = await shoot(server, (sent) => sent < CALLS)
    const told = ([status, count]: [number, number]) => `${count} × ${status || 'connection cut'}`
    return [...statuses].toSorted().map(told).join(', ')
  } finally {
    await stop(server)
  }
}
