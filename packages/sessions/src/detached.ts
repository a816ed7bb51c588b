/** A principal has at most a quarter of them. */
const PRINCIPALS = 4

/**
 * Counts the calls that go on without the connection they came on. Whatever limits calls in front counts them by that connection,
 * so without a bound here they would run past it.
 */
export function detachedCalls(maxDetachedCalls: number) {
  let running = 0
  const runningOf = new Map<string, number>()
  const most = Math.ceil(maxDetachedCalls / PRINCIPALS)

  function count(share: string, change: number): void {
    running += change
    const left = (runningOf.get(share) ?? 0) + change
    if (left > 0) runningOf.set(share, left)
    else runningOf.delete(share)
  }

  return {
    /** Whether so many more may go on; if so they are counted until they are given back. */
    take(share: string, calls: number): boolean {
      if (running + calls > maxDetachedCalls) return false
      if ((runningOf.get(share) ?? 0) + calls > most) return false
      count(share, calls)
      return true
    },
    give: (share: string, calls: number) => count(share, -calls),
    get running() {
      return running
    },
  }
}

export type DetachedCalls = ReturnType<typeof detachedCalls>
