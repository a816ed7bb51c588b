import type { Socket } from 'node:net'
import type { Request, Response } from 'express'

export type IsStream = (req: Request, res: Response) => boolean

export type Requests = ReturnType<typeof trackRequests>

/** The requests that are being answered. */
export function trackRequests(isStream: IsStream) {
  const open = new Set<Response>()
  const lastOn = new WeakMap<Socket, Response>()
  let draining = false

  function release(this: Response) {
    open.delete(this)
  }

  function sayClose(res: Response) {
    const earlier = lastOn.get(res.req.socket)
    // Pipelined requests: after an answer that says `close` the client would not read the next one.
    if (earlier && !earlier.headersSent) earlier.removeHeader('Connection')
    lastOn.set(res.req.socket, res)
    if (!res.headersSent) res.setHeader('Connection', 'close')
  }

  function isWaitedFor(res: Response) {
    try {
      return !isStream(res.req, res)
    } catch {
      return true
    }
  }

  return {
    add(res: Response) {
      // A response that is closed emits `close` no more and would be counted for ever.
      if (open.has(res) || res.closed) return
      open.add(res)
      res.once('close', release)
      if (draining) sayClose(res)
    },
    /** From now on each answer says `Connection: close`, also one begun before, unless its headers are sent. */
    drain() {
      draining = true
      for (const res of open) sayClose(res)
    },
    /** What the drain waits for: everything open but streams. */
    inFlight: () => [...open].filter(isWaitedFor),
    /** Whether bytes of an answer that has ended are still on their way. */
    flushing: () => [...open].some((res) => res.writableEnded && !res.writableFinished),
  }
}

/** Not an answer to a POST that happens to be sent as events: that one has an end, and a client who waits for it. */
export function isEventStreamOfGet(req: Request, res: Response): boolean {
  if (req.method !== 'GET' || !res.headersSent) return false
  return /^text\/event-stream\b/i.test(String(res.getHeader('Content-Type')))
}

/** For the log: twenty at most, and without the query, which can hold what a log must not. */
export function routesOf(responses: Response[]): string[] {
  // Without Express there is no originalUrl.
  return responses
    .slice(0, 20)
    .map(({ req }) => `${req.method} ${(req.originalUrl ?? req.url).split('?', 1)[0]}`)
}
