import type { McpHttpHandler } from '@modelcontextprotocol/server'
import type { Request, Response } from 'express'
import { exchange } from './exchange.js'

/** Milliseconds in which a client must take what an ended stream still owes it. */
const LINGER_MS = 5000
/** Server-sent events begin comments with it; the SDK sends a comment as keep-alive, in a piece of its own. */
const COLON = 0x3a

export interface StreamTimes {
  /** Milliseconds until it ends. */
  lifeMs: number
  /** Milliseconds without a message after which it ends; 0 for any. */
  idleMs: number
}

export interface Stream {
  /** Settles when the stream is over, however it ended. Call it once; `body` is served in the place of the request's own. */
  serve(req: Request, res: Response, body?: unknown): Promise<void>
  /** Ends it in the protocol's way: a completion result, then the end of the answer. */
  end(): Promise<void>
}

/**
 * One `subscriptions/listen` stream that ends after `lifeMs`, or when it had no message for its client for `idleMs`, or its
 * client took none. The SDK ends streams only by closing the handler that serves them, so each has a handler of its own.
 *
 * @param onOpened is told of its first message: what the SDK refuses has none.
 */
export function stream(
  handler: McpHttpHandler,
  { lifeMs, idleMs }: StreamTimes,
  onOpened: () => void = () => {},
): Stream {
  const disconnect = new AbortController()
  let ending = false
  let over = false
  let opened = false
  let cut = () => {}
  let timer = setTimeout(end, lifeMs).unref()
  const idle = idleMs > 0 ? setTimeout(end, idleMs).unref() : undefined

  function stopTimers(): void {
    clearTimeout(timer)
    clearTimeout(idle)
  }

  async function end(): Promise<void> {
    if (ending || over) return
    ending = true
    stopTimers()
    // A client that takes nothing would never let the last message out.
    timer = setTimeout(() => cut(), LINGER_MS).unref()
    await handler.close().catch(cut)
  }

  function onSent(chunk: Uint8Array): void {
    if (!opened) onOpened()
    opened = true
    if (!ending && chunk[0] !== COLON) idle?.refresh()
  }

  async function fetch(...args: Parameters<McpHttpHandler['fetch']>): Promise<globalThis.Response> {
    const response = await handler.fetch(...args)
    // It was ended while the factory was still at work, and has been opened since.
    if (ending) await handler.close()
    return response
  }

  return {
    async serve(req, res, body) {
      cut = () => {
        disconnect.abort()
        res.destroy()
      }
      try {
        await exchange({ fetch }, req, res, { disconnect, onSent, body })
      } finally {
        over = true
        stopTimers()
        // Whatever the SDK or the factory still has of this request ends with it.
        disconnect.abort()
      }
    },
    end,
  }
}
