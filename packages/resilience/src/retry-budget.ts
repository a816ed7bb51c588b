/** For so long what calls have saved up can be spent; then it has faded to a third. */
const MEMORY_MS = 10_000

export interface RetryBudget {
  /** One more call was begun. */
  deposit(): void
  /** Whether one more retry may be made; if so, it is paid for. */
  withdraw(): boolean
}

/**
 * Bounds retries to a share of the calls plus a few a second, so that an outage meets some more load and not a multiple.
 * The few a second are for servers with little traffic; at most one second's worth of them is kept.
 */
export function retryBudget(share: number, perSecond: number): RetryBudget {
  const most = perSecond > 0 ? Math.max(1, perSecond) : 0
  let reserve = most
  let saved = 0
  let countedAt = performance.now()

  function count(): void {
    const now = performance.now()
    const elapsedMs = now - countedAt
    countedAt = now
    reserve = Math.min(most, reserve + (elapsedMs / 1000) * perSecond)
    saved *= Math.exp(-elapsedMs / MEMORY_MS)
  }

  return {
    deposit() {
      count()
      saved += share
    },
    withdraw() {
      count()
      if (saved >= 1) saved--
      else if (reserve >= 1) reserve--
      else return false
      return true
    },
  }
}
