/** Says when calls may begin, so that no turn of the event loop becomes long. */
export interface TurnClock {
  /** Whether somebody waits for the next turn. */
  readonly isAwaited: boolean
  /** Whether a call may begin now: the first of a turn always, others while there is time. */
  hasTime(): boolean
  /** Has `resume` called in the next turn. */
  awaitNext(): void
}

/**
 * In each turn of the event loop calls begin for `maxMs`, less what has been done since the last of them began: what runs already
 * comes first, or the process would begin more than it ends. While nobody calls it costs nothing.
 */
export function turnClock(maxMs: number, resume: () => void): TurnClock {
  let isOpen = false
  let isFirst = false
  let endsAt = 0
  let lastBegunAt = 0
  let isAwaited = false

  function open(until: number): void {
    isOpen = true
    isFirst = true
    endsAt = until
    // The phase after that of the sockets: everything that came in this turn has been read by then.
    setImmediate(nextTurn)
  }

  function nextTurn(): void {
    isOpen = false
    if (!isAwaited) return
    isAwaited = false
    open(lastBegunAt + maxMs)
    resume()
  }

  return {
    get isAwaited() {
      return isAwaited
    },
    hasTime() {
      const now = performance.now()
      if (!isOpen) open(now + maxMs)
      if (!isFirst && now >= endsAt) return false
      isFirst = false
      lastBegunAt = now
      return true
    },
    awaitNext() {
      isAwaited = true
      if (!isOpen) open(performance.now() + maxMs)
    },
  }
}
