import { AsyncResource } from 'node:async_hooks'
import type { Request, Response } from 'express'
import { whenOver } from './exchange-end.js'

/**
 * Gives refusals late to whom they are no news: a client that calls again at once, however often it is refused, would keep the
 * process busy with refusals. They are spread, or those refused together would come back together, and at most `maxHeld` wait;
 * those beyond are told at once. A client that leaves meanwhile was refused all the same.
 */
export function lateRefusals(delayMs: number, maxHeld: number) {
  let held = 0
  /** @param remainingMs the request's own time, which is kept unless it is too short to keep anybody back. */
  return function refuseLate(
    req: Request,
    res: Response,
    remainingMs: number,
    refuse: () => void,
  ): void {
    if (delayMs === 0 || held >= maxHeld) {
      refuse()
      return
    }
    held++
    let isTold = false
    // The end of a connection is told in the name of whoever else used it.
    const tell = AsyncResource.bind(() => {
      if (isTold) return
      isTold = true
      refuse()
    })
    const late = delayMs * (0.5 + Math.random())
    const timer = setTimeout(tell, Math.max(delayMs / 2, Math.min(late, remainingMs)))
    whenOver(req, res, () => {
      clearTimeout(timer)
      held--
      tell()
    })
  }
}
