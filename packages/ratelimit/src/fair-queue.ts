import type { Claim } from './slots.js'

export interface Waiter {
  claim: Claim
}

export interface FairQueue<W extends Waiter> {
  /** Calls that wait. */
  readonly size: number
  /** Principals that wait. */
  readonly principals: number
  /** Calls of this principal that wait. */
  callsOf(principal: string): number
  /** False, and nothing is kept, when there is no room. */
  add(waiter: W): boolean
  /** Does nothing for one that no longer waits. */
  remove(waiter: W): void
  /** Takes out whose turn it is, of those that can start. */
  next(canStart: (claim: Claim) => boolean): W | undefined
}

interface Line<W> {
  waiters: Set<W>
  calls: number
}

/**
 * A short queue that is fair between principals: they take turns, and each one's requests come in their order. Who cannot
 * start is passed over, so that a full tool or a large batch holds up nobody else.
 *
 * A principal may have at most as many calls waiting as places are left free after them: one alone gets half of the queue, two
 * get a third each, and there is always a place for whoever has none.
 */
export function fairQueue<W extends Waiter>(maxCalls: number): FairQueue<W> {
  // In the order of their turns.
  const lines = new Map<string, Line<W>>()
  let size = 0

  function count(line: Line<W>, calls: number): void {
    line.calls += calls
    size += calls
  }

  function remove(waiter: W): void {
    const { principal, calls } = waiter.claim
    const line = lines.get(principal)
    if (!line?.waiters.delete(waiter)) return
    count(line, -calls)
    if (line.waiters.size === 0) lines.delete(principal)
  }

  return {
    get size() {
      return size
    },
    get principals() {
      return lines.size
    },
    callsOf: (principal) => lines.get(principal)?.calls ?? 0,
    add(waiter) {
      const { principal, calls } = waiter.claim
      const line = lines.get(principal) ?? { waiters: new Set(), calls: 0 }
      if (line.calls + calls > maxCalls - size) return false
      lines.set(principal, line)
      line.waiters.add(waiter)
      count(line, calls)
      return true
    },
    remove,
    next(canStart) {
      for (const [principal, line] of lines) {
        for (const waiter of line.waiters) {
          if (!canStart(waiter.claim)) continue
          remove(waiter)
          // Who just had a turn is last again.
          if (lines.delete(principal) && line.waiters.size > 0) lines.set(principal, line)
          return waiter
        }
      }
      return undefined
    },
  }
}
