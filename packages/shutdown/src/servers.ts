import type { Server as HttpServer } from 'node:http'
import { Server, type Socket } from 'node:net'
import type { Request, Response } from 'express'
import type { Requests } from './requests.js'

export type ServerGroup = ReturnType<typeof serverGroup>

/** Servers that stop together. */
export function serverGroup(requests: Requests) {
  const servers: Server[] = []
  // Our own list: closeAllConnections() knows neither upgraded sockets nor those in a TLS handshake.
  const sockets = new Set<Socket>()
  let closed = false

  function close(server: Server) {
    // close() of node:http destroys sockets whose answer has ended but is not sent yet; that of node:net does not.
    Server.prototype.close.call(server)
  }

  function onConnection(socket: Socket) {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  }

  function onRequest(_req: Request, res: Response) {
    requests.add(res)
  }

  return {
    requests,
    listening: () => servers.some((server) => server.listening),
    connections: () => sockets.size,
    add(server: Server) {
      servers.push(server)
      server.on('connection', onConnection)
      server.prependListener('request', onRequest)
      server.on('listening', () => closed && close(server))
      if (closed) close(server)
    },
    /** Closes the listening sockets, also of servers that start to listen later. */
    stopAccepting() {
      closed = true
      for (const server of servers) close(server)
    },
    closeIdle() {
      // Node counts a connection as idle as soon as its answer has ended: wait until it is also sent.
      if (requests.flushing()) return
      for (const server of servers as Partial<HttpServer>[]) server.closeIdleConnections?.()
    },
    destroyConnections() {
      for (const socket of sockets) socket.destroy()
    },
  }
}
