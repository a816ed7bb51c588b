import { AsyncResource } from 'node:async_hooks'
import { begunCalls } from './begun-calls.js'
import { fairQueue } from './fair-queue.js'
import type { Bound, Claim } from './slots.js'
import { turnClock } from './turn-clock.js'

export interface Pacing {
  /** Milliseconds of each turn of the event loop in which calls begin. */
  maxTurnMs: number
  /** Milliseconds that a call of a burst may wait for its turn. */
  burstDelayMs: number
  /** Milliseconds that it may when there has been no end of waiting for `burstDelayMs`, unless others have more calls waiting. */
  maxDelayMs: number
}

export interface TurnPace {
  /** Runs `next` as soon as the event loop has time, or `refuse` when that takes too long. Gives what takes the call back. */
  begin(
    claim: Claim,
    next: () => void,
    refuse: (bound: Bound) => void,
    endsAt?: () => number,
  ): () => void
  /** Milliseconds that a call may wait now. */
  mostDelayMs(): number
}

const FEW = 4

interface Waiter {
  claim: Claim
  timer: NodeJS.Timeout
  next(): void
}

/**
 * Spreads calls over the turns of the event loop, in turn between principals. The queue of a Node server is in its sockets:
 * without a pace one turn begins everything that has come, and whoever calls alone waits behind the whole of somebody's flood.
 */
export function turnPace({ maxTurnMs, burstDelayMs, maxDelayMs }: Pacing): TurnPace {
  const queue = fairQueue<Waiter>(Number.POSITIVE_INFINITY)
  const clock = turnClock(maxTurnMs, beginNext)
  let waitingSince = 0

  const begun = begunCalls(beginNext)
  let isTimed = false

  function beginNext(): void {
    if (queue.size === 0) {
      begun.crowded(false)
      return
    }
    const now = performance.now()
    const waitMs = begun.waitMs(now)
    if (waitMs === undefined) return
    if (waitMs > 0) {
      if (!isTimed) setTimeout(beginInTime, waitMs)
      isTimed = true
      return
    }
    if (!clock.hasTime()) {
      clock.awaitNext()
      return
    }
    const waiter = queue.next(() => true)
    clearTimeout(waiter?.timer)
    waiter?.next()
    // The clock is read again when all is done that this one does at once: ticks come after every promise that is settled by then.
    queueMicrotask(() => process.nextTick(beginNext))
  }

  function beginInTime(): void {
    isTimed = false
    beginNext()
  }

  /** A caller whose calls are most of those that wait is in its own way, unless they are few: then the process is slow. */
  function isMostlyOwn({ principal }: Claim): boolean {
    const own = queue.callsOf(principal)
    return own > FEW && own * 2 > queue.size
  }

  const hasLess = ({ principal }: Claim) => queue.callsOf(principal) * queue.principals < queue.size

  function mostDelayMs(): number {
    const now = performance.now()
    if (queue.size === 0) waitingSince = now
    return now - waitingSince > burstDelayMs ? Math.min(maxDelayMs, burstDelayMs) : burstDelayMs
  }

  return {
    mostDelayMs,
    begin(claim, next, refuse, endsAt = () => Number.POSITIVE_INFINITY) {
      let ended = () => {}
      const run = () => {
        ended = begun.begin(performance.now(), claim.calls)
        next()
      }
      if (queue.size === 0 && begun.waitMs(performance.now()) === 0 && clock.hasTime()) {
        run()
        return () => {
          ended()
          beginNext()
        }
      }
      const mostMs = endsAt() - performance.now()
      const delayMs = Math.min(mostDelayMs(), mostMs)
      const waited = () => {
        if (delayMs < Math.min(burstDelayMs, mostMs) && !isSpared && hasLess(claim)) {
          isSpared = true
          waiter.timer = setTimeout(waited, Math.min(burstDelayMs, mostMs) - delayMs)
          return
        }
        const isOwn = wasOwn || isMostlyOwn(claim)
        queue.remove(waiter)
        refuse({ scope: isOwn ? 'principal' : 'process' })
      }
      let isSpared = false
      // The end of another request begins this one, and must not hand it its own deadline or trace.
      const waiter: Waiter = {
        claim,
        timer: setTimeout(waited, delayMs),
        next: AsyncResource.bind(run),
      }
      queue.add(waiter)
      // Those before may have been refused by the time that this one is.
      const wasOwn = isMostlyOwn(claim)
      begun.crowded(true)
      clock.awaitNext()
      return () => {
        clearTimeout(waiter.timer)
        queue.remove(waiter)
        ended()
        beginNext()
      }
    },
  }
}
