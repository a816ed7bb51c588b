import type { Socket } from 'node:net'
import type { Request, Response } from 'express'

/** What is to be told when a connection closes; one listener on a socket, however many requests it brings at once. */
const unfinished = new WeakMap<Socket, Set<() => void>>()

/** Whether nobody waits for the answer any more. */
export function isOver(req: Request, res: Response): boolean {
  return res.destroyed || req.socket.destroyed
}

/**
 * Calls `ended` exactly once, when the answer is complete or its connection is gone. The `close` of the response alone would
 * not do: of pipelined requests only the first has a response that Node tells of a closed connection.
 */
export function whenOver(req: Request, res: Response, ended: () => void): void {
  const waiting = waitingOn(req.socket)
  function over(): void {
    if (!waiting.delete(over)) return
    res.off('close', over)
    ended()
  }
  waiting.add(over)
  res.once('close', over)
}

function waitingOn(socket: Socket): Set<() => void> {
  const known = unfinished.get(socket)
  if (known) return known
  const waiting = new Set<() => void>()
  unfinished.set(socket, waiting)
  socket.once('close', () => {
    for (const over of [...waiting]) over()
  })
  return waiting
}
