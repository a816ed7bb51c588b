import type { Request, Response } from 'express'
import { onConnectionClose } from './connection-close.js'

/** Milliseconds in which a client must take what an ended stream still owes it, and without progress before it is cut. */
const LINGER_MS = 5000
const STALL_MS = 60_000
/** A message goes out in pieces, so that a slow reader is seen to make progress. */
const PIECE_BYTES = 64 * 1024

export interface OutputLimits {
  /** 0 for none. */
  keepAliveMs: number
  maxBufferBytes: number
}

/** One answer of server-sent events. */
export interface Output {
  /** Whether it can take no more. */
  readonly over: boolean
  write(event: string): void
  /** Resolves when the client has taken enough for more to be written, or is gone. */
  room(): Promise<void>
  /** Ends it; with `soon` a client that takes nothing is cut off after 5 s. */
  end(soon?: boolean): void
}

/**
 * Begins the answer. What a client leaves untaken is bounded: with more than `maxBufferBytes` waiting, or no progress for a minute,
 * its connection is cut. `onOver` is called once, when it has ended or the connection is gone.
 */
export function openOutput(
  req: Request,
  res: Response,
  sessionId: string,
  { keepAliveMs, maxBufferBytes }: OutputLimits,
  onOver: () => void,
): Output {
  let over = false
  let ended = false
  let progressAt = performance.now()
  let linger: NodeJS.Timeout | undefined
  let waiting: (() => void) | undefined
  const timer = setInterval(look, keepAliveMs || STALL_MS / 4).unref()

  function onFlushed(): void {
    progressAt = performance.now()
    if (waiting && res.writableLength <= maxBufferBytes / 2) waiting()
  }

  function look(): void {
    if (res.writableLength === 0) {
      if (keepAliveMs > 0 && !ended) send(': keep-alive\n\n')
    } else if (performance.now() - progressAt > STALL_MS) cut()
  }

  function cut(): void {
    req.socket.destroy()
    finish()
  }

  function send(text: string): void {
    if (res.writableLength === 0) progressAt = performance.now()
    if (text.length < PIECE_BYTES) {
      res.write(text, onFlushed)
      return
    }
    const bytes = Buffer.from(text)
    for (let from = 0; from < bytes.length; from += PIECE_BYTES)
      res.write(bytes.subarray(from, from + PIECE_BYTES), onFlushed)
  }

  function finish(): void {
    if (over) return
    over = true
    clearInterval(timer)
    clearTimeout(linger)
    res.off('close', finish)
    forget()
    waiting?.()
    onOver()
  }

  res.once('close', finish)
  const forget = onConnectionClose(req.socket, () => setImmediate(finish))
  res.writeHead(200, {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-store, no-transform',
    'X-Accel-Buffering': 'no',
    'Mcp-Session-Id': sessionId,
  })
  res.flushHeaders()
  return {
    get over() {
      return over || ended
    },
    write(event) {
      if (over || ended) return
      if (res.writableLength > maxBufferBytes) cut()
      else send(event)
    },
    room() {
      if (over || res.writableLength <= maxBufferBytes / 2) return Promise.resolve()
      return new Promise((resolve) => {
        waiting = () => {
          waiting = undefined
          resolve()
        }
      })
    },
    end(soon = false) {
      if (over) return
      if (!ended) res.end()
      ended = true
      if (soon) linger ??= setTimeout(cut, LINGER_MS).unref()
    },
  }
}
