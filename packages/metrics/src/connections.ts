import type { Socket } from 'node:net'

/** What is known of a connection that brought requests. */
interface Connection {
  /** Bytes of it that the totals have. */
  read: number
  written: number
  /** Requests that wait for their answer's end; called when the connection ends first. */
  waiting: Set<() => void>
}

/**
 * Counts the bytes of connections, not of requests, whose bytes nobody can tell apart when they are pipelined: so no
 * byte counts twice, however many requests share a connection, and a stream counts while it is open.
 */
export function connections() {
  const open = new Map<Socket, Connection>()
  const totals = { read: 0, written: 0 }

  function add(socket: Socket, connection: Connection): void {
    const { bytesRead, bytesWritten } = socket
    if (bytesRead > connection.read) {
      totals.read += bytesRead - connection.read
      connection.read = bytesRead
    }
    if (bytesWritten > connection.written) {
      totals.written += bytesWritten - connection.written
      connection.written = bytesWritten
    }
  }

  function opened(socket: Socket): Connection {
    const connection: Connection = { read: 0, written: 0, waiting: new Set() }
    open.set(socket, connection)
    socket.once('close', () => {
      open.delete(socket)
      add(socket, connection)
      for (const done of connection.waiting) done()
    })
    return connection
  }

  return {
    /**
     * Calls `done` when the connection ends, unless the returned function was called before. Responses that are pipelined
     * behind another never emit `close` when their connection breaks.
     */
    wait(socket: Socket, done: () => void): () => void {
      if (socket.closed) {
        done()
        return () => {}
      }
      const { waiting } = open.get(socket) ?? opened(socket)
      waiting.add(done)
      return () => waiting.delete(done)
    },
    /** Bytes so far, as the connections have them: heads and bodies, without TLS. */
    bytes(): Readonly<typeof totals> {
      for (const [socket, connection] of open) add(socket, connection)
      return totals
    },
  }
}
