import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

type Headers = Record<string, string>

/** What a server meets beside honest calls: strangers, nonsense, clients that hang up, and streams that come and go. */
export async function misbehave(url: string, headers: Headers, signal: AbortSignal) {
  const visits = { strangers: 0, nonsense: 0, hungUp: 0, streams: 0, dropped: 0 }
  const post = (body: string, sent: Headers, until?: AbortSignal) =>
    fetch(url, { method: 'POST', headers: sent, body, ...(until && { signal: until }) })
  const { hostname, port } = new URL(url)

  const kinds: (() => Promise<void>)[] = [
    async () => {
      const response = await post('{}', { ...headers, authorization: 'Bearer unknown' })
      await response.arrayBuffer()
      visits.strangers++
    },
    async () => {
      const response = await post('{"jsonrpc', headers)
      await response.arrayBuffer()
      visits.nonsense++
    },
    async () => {
      const body = JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'countdown', arguments: { seconds: 5 } },
      })
      await post(body, headers, AbortSignal.timeout(300)).then(
        (response) => response.text(),
        () => {},
      )
      visits.hungUp++
    },
    async () => {
      const meta = {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'soak', version: '1.0.0' },
        'io.modelcontextprotocol/clientCapabilities': {},
      }
      const params = { notifications: { toolsListChanged: true }, _meta: meta }
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params })
      const sent = {
        ...headers,
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'subscriptions/listen',
      }
      const response = await post(body, sent, AbortSignal.timeout(1_000))
      await response.text().catch(() => {})
      if (response.status === 200) visits.streams++
    },
    async () => {
      const socket = connect(Number(port), hostname)
      socket.on('error', () => {})
      socket.write('POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"js')
      await sleep(50)
      socket.resetAndDestroy()
      visits.dropped++
    },
  ]
  while (!signal.aborted) {
    // One that fails is told by its count that stays behind.
    for (const kind of kinds) await kind().catch(() => {})
    await sleep(100)
  }
  return visits
}
