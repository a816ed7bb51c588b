const LEVELS = new Map([
  ['half-open', 0.5],
  ['open', 1],
])
/** Breakers of one name that are remembered while they are not closed. */
const MAX_BREAKERS = 100

/** The worst state of all breakers of one name: a client for HTTP has one for each origin. */
export function breakerStates(): (breaker: string, state: string) => number {
  const notClosed = new Map<string, number>()
  return (breaker, state) => {
    const level = LEVELS.get(state)
    notClosed.delete(breaker)
    if (level) notClosed.set(breaker, level)
    const [oldest] = notClosed.keys()
    if (notClosed.size > MAX_BREAKERS && oldest !== undefined) notClosed.delete(oldest)
    return Math.max(0, ...notClosed.values())
  }
}
