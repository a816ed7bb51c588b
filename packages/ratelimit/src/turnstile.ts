import { AsyncResource } from 'node:async_hooks'
import type { NextFunction, Request, Response } from 'express'
import { isOver, whenOver } from './exchange-end.js'
import { fairQueue } from './fair-queue.js'
import { type Bound, type Claim, createSlots } from './slots.js'

export interface Turnstile {
  /** What a request exceeds even when nothing else runs. */
  tooLargeFor(claim: Claim): Bound | undefined
  /**
   * Goes on with the request as soon as its slots are free, for the time of its answer. `refuse` is called instead when there
   * is no place to wait or the time is over; neither is for a client that has gone.
   *
   * @param waitMs milliseconds that it may wait; asked only if it must.
   */
  enter(
    claim: Claim,
    exchange: Exchange,
    waitMs: () => number,
    refuse: (bound: Bound) => void,
  ): void
  state(): { running: number; queued: number; tracked: number }
}

export interface Exchange {
  req: Request
  res: Response
  next: NextFunction
}

interface Turn {
  claim: Claim
  timer?: NodeJS.Timeout
  start(): void
}

/** Slots, and the queue before them. */
export function turnstile(limit: number, maxQueue: number): Turnstile {
  const slots = createSlots(limit)
  const queue = fairQueue<Turn>(maxQueue)
  const fits = (claim: Claim) => slots.blockerOf(claim) === undefined

  /** Whoever waits on afterwards cannot start, so a newcomer who can passes nobody who could. */
  function startWaiting(): void {
    for (let turn = queue.next(fits); turn; turn = queue.next(fits)) turn.start()
  }

  function turnOf(claim: Claim, { req, res, next }: Exchange): Turn {
    let holds = false
    const turn: Turn = {
      claim,
      start() {
        clearTimeout(turn.timer)
        if (isOver(req, res)) return
        slots.take(claim)
        holds = true
        next()
      },
    }
    whenOver(req, res, () => {
      clearTimeout(turn.timer)
      queue.remove(turn)
      if (!holds) return
      slots.give(claim)
      startWaiting()
    })
    return turn
  }

  return {
    tooLargeFor: slots.tooLargeFor,
    enter(claim, exchange, waitMs, refuse) {
      const blocker = slots.blockerOf(claim)
      if (!blocker) return turnOf(claim, exchange).start()
      const mostMs = waitMs()
      // The end of another request starts this one, and must not hand it its own deadline or trace.
      const turn = turnOf(claim, { ...exchange, next: AsyncResource.bind(exchange.next) })
      if (!(mostMs > 0 && queue.add(turn))) return refuse(blocker)
      turn.timer = setTimeout(() => {
        queue.remove(turn)
        refuse(slots.blockerOf(claim) ?? blocker)
      }, mostMs).unref()
    },
    state: () => ({
      running: slots.running,
      queued: queue.size,
      tracked: slots.holders + queue.principals,
    }),
  }
}
