import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * The suite sends no token, so this adds one on the way, on the loopback alone. Everything else passes as it came: the names
 * in Host and Origin are what some scenarios are about.
 */
export async function tokenProxy() {
  let target: URL | undefined
  let token = ''
  const server = createServer((incoming, outgoing) => {
    const headers = { ...incoming.headers, authorization: `Bearer ${token}` }
    const { method, url } = incoming
    const forwarded = request(
      { host: target?.hostname, port: target?.port, method, path: url, headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      },
    )
    forwarded.on('error', () => outgoing.destroy())
    // A client that goes away goes away from the server too.
    outgoing.on('close', () => forwarded.destroy())
    incoming.pipe(forwarded)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: new URL('/mcp', `http://127.0.0.1:${port}`),
    /** A server whom, and with whose token; it may have to know the name of this proxy first. */
    lead(to: { url: URL; key: string }) {
      target = to.url
      token = to.key
    },
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
