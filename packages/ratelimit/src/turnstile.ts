import { AsyncResource } from 'node:async_hooks'
import type { NextFunction, Request, Response } from 'express'
import { isOver, whenOver } from './exchange-end.js'
import { fairQueue } from './fair-queue.js'
import { type Bound, type Claim, createSlots } from './slots.js'
import { type Pacing, turnPace } from './turn-pace.js'

export interface Turnstile {
  /** What a request exceeds even when nothing else runs. */
  tooLargeFor(claim: Claim): Bound | undefined
  /**
   * Goes on with the request as soon as its slots are free and the event loop has time, for the time of its answer. `refuse` is
   * called instead when there is no place to wait or the time is over; neither is for a client that has gone.
   *
   * @param endsAt by `performance.now()`, when its own time is over; asked only if it must wait.
   */
  enter(
    claim: Claim,
    exchange: Exchange,
    endsAt: () => number,
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

/** Slots, the queue before them, and the pace at which those that have one begin. */
export function turnstile(limit: number, maxQueue: number, pacing: Pacing): Turnstile {
  const slots = createSlots(limit)
  const pace = turnPace(pacing)
  const queue = fairQueue<Turn>(maxQueue)
  const fits = (claim: Claim) => slots.blockerOf(claim) === undefined

  /** Whoever waits on afterwards cannot start, so a newcomer who can passes nobody who could. */
  function startWaiting(): void {
    for (let turn = queue.next(fits); turn; turn = queue.next(fits)) turn.start()
  }

  function turnOf(
    claim: Claim,
    exchange: Exchange,
    refuse: (bound: Bound) => void,
    endsAt: () => number,
  ): Turn {
    const { req, res, next } = exchange
    let holds = false
    let leave = () => {}
    const turn: Turn = {
      claim,
      start() {
        clearTimeout(turn.timer)
        if (isOver(req, res)) return
        slots.take(claim)
        holds = true
        // Between the end of a connection and its event it is no use to begin.
        const begin = () => {
          if (!isOver(req, res)) next()
        }
        const refused = (bound: Bound) => {
          give()
          refuse(bound)
        }
        leave = pace.begin(claim, begin, refused, endsAt)
      },
    }
    function give(): void {
      if (!holds) return
      holds = false
      slots.give(claim)
      startWaiting()
    }
    whenOver(req, res, () => {
      clearTimeout(turn.timer)
      queue.remove(turn)
      leave()
      give()
    })
    return turn
  }

  return {
    tooLargeFor: slots.tooLargeFor,
    enter(claim, exchange, endsAt, refuse) {
      const blocker = slots.blockerOf(claim)
      if (!blocker) return turnOf(claim, exchange, refuse, endsAt).start()
      const ends = endsAt()
      // Who waits for a slot will wait for the event loop, too, where that is what keeps the slots.
      const mostMs = Math.min(ends - performance.now(), pace.mostDelayMs())
      // The end of another request starts this one, and must not hand it its own deadline or trace.
      const bound = { ...exchange, next: AsyncResource.bind(exchange.next) }
      const turn = turnOf(claim, bound, AsyncResource.bind(refuse), () => ends)
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
