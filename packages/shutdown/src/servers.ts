import type { Server as HttpServer } from 'node:http'
import { Server, type Socket } from 'node:net'
import type { Request, Response } from 'express'
import { takeWaiting } from './backlog.js'
import type { Requests } from './requests.js'

export type ServerGroup = ReturnType<typeof serverGroup>

/** Servers that stop together. */
export function serverGroup(requests: Requests) {
  const servers: Server[] = []
  // Our own list: closeAllConnections() knows neither upgraded sockets nor those in a TLS handshake.
  const sockets = new Set<Socket>()
  const served = new Set<Socket>()
  let taken = 0
  let closed = false

  function close(server: Server) {
    // close() of node:http destroys sockets whose answer has ended but is not sent yet; that of node:net does not.
    Server.prototype.close.call(server)
  }

  function onConnection(socket: Socket) {
    taken++
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  }

  function onRequest({ socket }: Request, res: Response) {
    requests.add(res)
    if (served.has(socket) || socket.closed) return
    served.add(socket)
    socket.once('close', () => served.delete(socket))
  }

  return {
    requests,
    listening: () => servers.some((server) => server.listening),
    connections: () => sockets.size,
    /** Whether a connection is open on which no request ever arrived: perhaps it is on its way. */
    awaitsFirst: () => sockets.size > served.size,
    /** Whether a connection is open and has no request: half of one, a TLS handshake, nothing. */
    awaitsRequest: () => sockets.size > requests.connections(),
    add(server: Server) {
      servers.push(server)
      server.on('connection', onConnection)
      server.on('drop', () => taken++)
      server.prependListener('request', onRequest)
      // In a later turn: start-up code that waits for this event will ask for the address.
      server.on('listening', () => closed && setImmediate(close, server))
      if (closed) close(server)
    },
    /** Closes the listening sockets, also of servers that start to listen later. */
    async stopAccepting() {
      await takeWaiting(servers, () => taken)
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
