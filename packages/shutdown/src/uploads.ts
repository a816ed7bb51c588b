import type { Response } from 'express'

/** Which requests have kept us waiting for the rest of their body. */
export function watchUploads() {
  const arrivingSince = new WeakMap<Response, number>()
  const overdue = new WeakSet<Response>()

  return {
    /** Looks again; from then on those are overdue that each look in the last `limitMs` has found arriving. */
    look(responses: Iterable<Response>, limitMs: number): void {
      const now = performance.now()
      for (const res of responses) {
        const since = arrivingSince.get(res) ?? now
        if (!isArriving(res)) {
          arrivingSince.delete(res)
          overdue.delete(res)
        } else {
          arrivingSince.set(res, since)
          if (now - since >= limitMs) overdue.add(res)
        }
      }
    },
    isOverdue: (res: Response) => overdue.has(res),
  }
}

/** Whether the client still owes us the rest of the body. */
function isArriving({ req, headersSent }: Response): boolean {
  // A full buffer means that nobody reads it yet (authentication may come first): then the rest waits for us.
  return !req.complete && !headersSent && req.readableLength < req.readableHighWaterMark
}
