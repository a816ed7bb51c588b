import type { Socket } from 'node:net'
import type { McpHttpHandler } from '@modelcontextprotocol/server'
import type { Request, Response } from 'express'
import { exchange } from './exchange.js'

/** Milliseconds in which a client must take what an ended stream still owes it. */
const LINGER_MS = 5000

export interface Stream {
  /** Settles when the stream is over, however it ended. Call it once. */
  serve(req: Request, res: Response): Promise<void>
  /** Ends it in the protocol's way: a completion result, then the end of the answer. */
  end(): Promise<void>
}

/**
 * One `subscriptions/listen` stream that ends after `lifeMs`. The SDK ends streams only by closing the handler that
 * serves them, so each has a handler of its own.
 */
export function stream(handler: McpHttpHandler, lifeMs: number): Stream {
  const gone = new AbortController()
  let ending = false
  let over = false
  let cut = () => {}
  let timer = setTimeout(end, lifeMs).unref()

  async function end(): Promise<void> {
    if (ending || over) return
    ending = true
    clearTimeout(timer)
    // A client that takes nothing would never let the last message out.
    timer = setTimeout(() => cut(), LINGER_MS).unref()
    await handler.close().catch(cut)
  }

  async function fetch(...args: Parameters<McpHttpHandler['fetch']>): Promise<globalThis.Response> {
    const response = await handler.fetch(...args)
    // It was ended while the factory was still at work, and has been opened since.
    if (ending) await handler.close()
    return response
  }

  return {
    async serve(req, res) {
      cut = () => {
        gone.abort()
        res.destroy()
      }
      const forget = onClose(req.socket, () => gone.abort())
      try {
        await exchange({ fetch }, req, res, gone)
      } finally {
        over = true
        clearTimeout(timer)
        forget()
        // Whatever the SDK or the factory still has of this request ends with it.
        gone.abort()
      }
    },
    end,
  }
}

const listeners = new WeakMap<Socket, Set<() => void>>()

/**
 * Of pipelined requests only the one that is being answered learns from its response that the connection broke; a stream
 * behind it would stay for ever. One listener for each socket, however many are pipelined on it.
 */
function onClose(socket: Socket, listener: () => void): () => void {
  if (socket.destroyed) listener()
  let all = listeners.get(socket)
  if (!all) {
    const added = new Set<() => void>()
    socket.once('close', () => {
      for (const tell of added) tell()
    })
    listeners.set(socket, added)
    all = added
  }
  all.add(listener)
  return () => all.delete(listener)
}
