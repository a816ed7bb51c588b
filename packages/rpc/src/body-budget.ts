import type { Response } from 'express'

/** So much of each body costs nothing, so that who holds the budget with large bodies does not stop small ones. */
const FREE_BYTES = 16 * 1024

/** What one request has taken of the budget. */
export interface Lease {
  /** Whether there is room for so many bytes in all just now. */
  fits(bytes: number): boolean
  /** Whether the request may hold so many bytes in all. */
  hold(bytes: number): boolean
}

/**
 * Bounds what all bodies together hold in memory, from their first byte to the end of their answer: a cap for each
 * alone says nothing of a hundred at once.
 */
export function bodyBudget(maxTotalBytes: number): (res: Response) => Lease {
  let held = 0

  return function lease(res) {
    let mine = 0
    let over = false
    const { socket } = res.req
    const release = () => {
      over = true
      res.off('close', release)
      socket.off('close', release)
      held -= mine
      mine = 0
    }
    const missing = (bytes: number) => Math.max(0, bytes - FREE_BYTES - mine)
    const fits = (bytes: number) => !(held + missing(bytes) > maxTotalBytes) || missing(bytes) === 0
    return {
      fits,
      hold(bytes) {
        const more = missing(bytes)
        if (more === 0) return true
        if (over || !fits(bytes)) return false
        if (mine === 0) {
          res.once('close', release)
          // Pipelined responses behind a broken connection never emit `close`.
          socket.once('close', release)
        }
        mine += more
        held += more
        return true
      },
    }
  }
}
