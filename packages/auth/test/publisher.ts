import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { JWK } from 'jose'
import { afterEach } from 'vitest'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** A real server on this machine that answers as a test tells it to, and that can go away and come back. */
export async function publisher(listener: RequestListener) {
  let answer = listener
  const asked: string[] = []
  const sockets = new Set<Socket>()
  let server: Server
  async function start(port: number) {
    server = createServer((req, res) => {
      asked.push(req.url ?? '')
      answer(req, res)
    })
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  async function stop() {
    server.close()
    server.closeAllConnections()
    if (server.listening) await once(server, 'close')
  }
  const port = await start(0)
  closers.push(() => stop())
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    /** What a URL of this server needs to be allowed. */
    allowed: { privateHosts: [`127.0.0.1:${port}`] },
    /** The paths asked for. */
    asked,
    sockets,
    answer(next: RequestListener) {
      answer = next
    },
    stop,
    restart: () => start(port),
  }
}

export function json(value: unknown, status = 200): RequestListener {
  return (_req, res) => {
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  }
}

export function keySet(...keys: { jwk: JWK }[]): RequestListener {
  return json({ keys: keys.map(({ jwk }) => jwk) })
}
