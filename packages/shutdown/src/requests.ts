import type { Socket } from 'node:net'
import type { Request, Response } from 'express'
import { openResponses } from './open.js'
import { type Describe, reporter } from './report.js'
import { watchUploads } from './uploads.js'

export type IsStream = (req: Request, res: Response) => boolean

export type Requests = ReturnType<typeof trackRequests>

/** The requests that are being answered. */
export function trackRequests(isStream: IsStream, describe: Describe) {
  const open = openResponses()
  const sayClose = closeSayer()
  const uploads = watchUploads()
  let draining = false

  function isWaitedFor(res: Response) {
    if (uploads.isOverdue(res)) return false
    try {
      return !isStream(res.req, res)
    } catch {
      return true
    }
  }

  return {
    add(res: Response) {
      if (open.add(res) && draining) sayClose(res)
    },
    /** From now on each answer says `Connection: close`, also one begun before, unless its headers are sent. */
    drain() {
      draining = true
      for (const res of open.all()) sayClose(res)
    },
    /**
     * Stops waiting for requests whose body is arriving since `limitMs` without an end. Closes and returns those
     * with no other on their socket. Call it again and again.
     */
    endUploads(limitMs: number): Response[] {
      uploads.look(open.all(), limitMs)
      const ended = [...open.all()].filter(
        (res) => uploads.isOverdue(res) && open.isAlone(res) && !res.req.socket.destroyed,
      )
      for (const { req } of ended) req.socket.destroy()
      return ended
    },
    /** What the drain waits for: everything open but streams and overdue uploads. */
    inFlight: () => [...open.all()].filter(isWaitedFor),
    /** How many connections have a request that is open. */
    connections: () => new Set(Array.from(open.all(), ({ req }) => req.socket)).size,
    report: reporter(describe, open.ageMs),
    /** Whether bytes of an answer that has ended are still on their way. */
    flushing: () => [...open.all()].some((res) => res.writableEnded && !res.writableFinished),
  }
}

function closeSayer() {
  const lastOn = new WeakMap<Socket, Response>()
  return function sayClose(res: Response) {
    const earlier = lastOn.get(res.req.socket)
    // Pipelined requests: after an answer that says `close` the client would not read the next one.
    if (earlier && !earlier.headersSent) earlier.removeHeader('Connection')
    lastOn.set(res.req.socket, res)
    if (!res.headersSent) res.setHeader('Connection', 'close')
  }
}

/** Not an answer to a POST that happens to be sent as events: that one has an end, and a client who waits for it. */
export function isEventStreamOfGet(req: Request, res: Response): boolean {
  if (req.method !== 'GET' || !res.headersSent) return false
  return /^text\/event-stream\b/i.test(String(res.getHeader('Content-Type')))
}
