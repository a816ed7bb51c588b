import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Headers, legacy, modern } from './requests.js'

/** What a server meets beside honest calls: strangers, nonsense, clients that hang up, and streams that come and go. */
export function visitorsOf(url: string, headers: Headers) {
  const { hostname, port } = new URL(url)
  const send = (request: RequestInit, withinMs = 60_000) =>
    fetch(url, { ...request, signal: AbortSignal.timeout(withinMs) })
  return {
    async strangers() {
      const request = legacy({ ...headers, authorization: 'Bearer unknown' }, 'tools/list')
      await (await send(request)).arrayBuffer()
    },
    async nonsense() {
      await (await send({ method: 'POST', headers, body: '{"jsonrpc' })).arrayBuffer()
    },
    async hungUp() {
      const call = { name: 'countdown', arguments: { seconds: 5 } }
      await send(legacy(headers, 'tools/call', call), 300).then(
        (response) => response.text(),
        () => {},
      )
    },
    async streams() {
      const params = { notifications: { toolsListChanged: true } }
      const response = await send(modern(headers, 'subscriptions/listen', params), 1_000)
      await response.text().catch(() => {})
      if (response.status !== 200) throw new Error(`a stream was refused: ${response.status}`)
    },
    async dropped() {
      const socket = connect(Number(port), hostname)
      socket.on('error', () => {})
      socket.write('POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"js')
      await sleep(50)
      socket.resetAndDestroy()
    },
  }
}

/** All of them in turn until the signal, and how many of each there were. */
export async function misbehave(url: string, headers: Headers, signal: AbortSignal) {
  const kinds = Object.entries(visitorsOf(url, headers))
  const visits: Record<string, number> = {}
  while (!signal.aborted) {
    for (const [kind, visit] of kinds) {
      // One that fails is told by its count that stays behind.
      await visit().then(
        () => {
          visits[kind] = (visits[kind] ?? 0) + 1
        },
        () => {},
      )
    }
    await sleep(100)
  }
  return visits
}
