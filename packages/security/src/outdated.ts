import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:https'
import type { Socket } from 'node:net'

/** Timers are late on a busy machine. */
const MARGIN_MS = 1000

/**
 * A client's certificate is looked at in the handshake alone, and a busy connection lasts for ever. After a call of the
 * returned function each connection from before it ends with the answer to its next request, so that its
 * client comes back with a new handshake and no request is lost.
 */
export function closeOutdated(server: Server, handshakeTimeoutMs: number): () => void {
  const openSince = new WeakMap<Socket, number>()
  let validFrom = 0

  server.prependListener('secureConnection', (socket: Socket) => {
    openSince.set(socket, performance.now())
  })
  server.prependListener('request', ({ socket }: IncomingMessage, res: ServerResponse) => {
    if ((openSince.get(socket) ?? 0) >= validFrom) return
    res.setHeader('Connection', 'close')
    // Also where the app writes another Connection header, as is usual for event streams.
    res.once('finish', () => socket.destroySoon())
  })

  return function outdateConnections() {
    // A handshake begun under the old context may end under it until its time is over.
    validFrom = performance.now() + handshakeTimeoutMs + MARGIN_MS
  }
}
