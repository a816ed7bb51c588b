/** What the clients have seen. */
export interface Tally {
  startedAt: number
  /** Calls by the kind of client. */
  calls: Record<string, { answered: number; failed: number }>
  /** Answers that began and did not come to their end. */
  truncated: number
  streams: { opened: number; completed: number; resumed: number; open: number }
  /** The processes that have answered a call. */
  pids: Set<number>
  /** What failed, when and why. */
  failures: string[]
}

export function newTally(): Tally {
  return {
    startedAt: performance.now(),
    calls: {},
    truncated: 0,
    streams: { opened: 0, completed: 0, resumed: 0, open: 0 },
    pids: new Set(),
    failures: [],
  }
}

export function noteFailure(tally: Tally, what: string, error: unknown): void {
  const seconds = ((performance.now() - tally.startedAt) / 1000).toFixed(3)
  tally.failures.push(`${seconds} s, ${what}: ${reasonOf(error)}`)
}

/** fetch says only that it failed; why is in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`
}
