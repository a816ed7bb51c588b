import type { Socket } from 'node:net'
import type { Request, Response } from 'express'

const listeners = new WeakMap<Socket, Set<() => void>>()

/**
 * Calls `listener` when the connection breaks, unless the returned function was called before. Of pipelined requests only the
 * one that is being answered learns that from its response; those behind it would run for nobody. One listener for each
 * socket, however many are pipelined on it.
 */
export function onConnectionClose(socket: Socket, listener: () => void): () => void {
  if (socket.destroyed) listener()
  const waiting = listeners.get(socket) ?? watched(socket)
  waiting.add(listener)
  return () => waiting.delete(listener)
}

/** Calls `listener` when the client has gone, by the answer or by the connection, unless the returned function was called before. */
export function onGone(req: Request, res: Response, listener: () => void): () => void {
  res.once('close', listener)
  if (res.destroyed) listener()
  const forget = onConnectionClose(req.socket, listener)
  return () => {
    res.off('close', listener)
    forget()
  }
}

function watched(socket: Socket): Set<() => void> {
  const waiting = new Set<() => void>()
  socket.once('close', () => {
    for (const tell of [...waiting]) tell()
  })
  listeners.set(socket, waiting)
  return waiting
}
