import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'

/** Far more than any client asks for before it has read an answer. */
const MAX_OWED = 100

const owedTo = new WeakMap<Socket, Set<ServerResponse>>()

/** How many answers a connection is still owed. Only of servers that `boundPipelining` has seen. */
export function answersOwed(socket: Socket): number {
  return owedTo.get(socket)?.size ?? 0
}

/**
 * Bounds HTTP pipelining, and lets go of what it leaves behind. When a connection breaks, Node tells only the response
 * that is being sent; those queued behind it never emit `close`, and whoever waits for that to count down or
 * to free something waits for ever. A connection with more than 100 answers owed is closed.
 */
export function boundPipelining(server: Server | HttpsServer): void {
  server.prependListener('request', (req: IncomingMessage, res: ServerResponse) => {
    const { socket } = req
    let owed = owedTo.get(socket)
    if (!owed) {
      const all = new Set<ServerResponse>()
      owed = all
      owedTo.set(socket, owed)
      // One listener a connection, after Node's own.
      socket.once('close', () => setImmediate(closeAll, all))
    }
    owed.add(res)
    res.once('close', () => owed.delete(res))
    if (owed.size > MAX_OWED) socket.destroy()
  })
}

function closeAll(owed: Set<ServerResponse>): void {
  for (const res of owed) {
    if (res.closed) continue
    // What Node does for the one response that it remembers.
    Object.assign(res, { destroyed: true, _closed: true })
    res.emit('close')
  }
}
