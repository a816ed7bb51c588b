import type { Socket } from 'node:net'
import type { Response } from 'express'

/** The responses that have not ended, in the order of their requests. */
export function openResponses() {
  /** With the moment at which it was added. */
  const all = new Map<Response, number>()
  const bySocket = new WeakMap<Socket, Set<Response>>()

  function forget(this: Response) {
    all.delete(this)
    bySocket.get(this.req.socket)?.delete(this)
  }

  // Of pipelined responses only the first has the socket, the others never emit `close` when it dies.
  function forgetAll(this: Socket) {
    for (const res of bySocket.get(this) ?? []) all.delete(res)
    bySocket.delete(this)
  }

  /** One listener for each socket, however many requests are pipelined on it. */
  function responsesOn(socket: Socket): Set<Response> {
    const known = bySocket.get(socket)
    if (known) return known
    const responses = new Set<Response>()
    bySocket.set(socket, responses)
    socket.once('close', forgetAll)
    return responses
  }

  return {
    all: () => all.keys(),
    /** Whether it was added: not twice, and not when it would be counted for ever because `close` is over. */
    add(res: Response): boolean {
      if (all.has(res) || res.closed || res.req.socket.closed) return false
      all.set(res, performance.now())
      responsesOn(res.req.socket).add(res)
      res.once('close', forget)
      return true
    },
    ageMs: (res: Response) => Math.round(performance.now() - (all.get(res) ?? Number.NaN)),
    /** Whether no other response is open on its socket. */
    isAlone: (res: Response) => bySocket.get(res.req.socket)?.size === 1,
  }
}
