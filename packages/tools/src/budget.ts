/**
 * Narrows a tool's own timeout to what is left of the request's time: calls `work` at once with it, 0 when it is over,
 * and returns what `work` returns. `withDeadline` of `@mcp-prod/resilience` is one.
 */
export type Budget = <T>(timeoutMs: number, work: (timeoutMs: number) => T) => T

/**
 * Runs work within a budget. The budget is not ours, so the call does not depend on what it returns, and work that it
 * has begun counts whatever it does then.
 *
 * @throws what the budget threw, or Error when it did not begin the work or named no time.
 */
export function withinBudget<T>(
  budget: Budget,
  ownTimeoutMs: number,
  work: (timeoutMs: number) => Promise<T>,
): Promise<T> {
  let working: Promise<T> | undefined
  let late = false
  try {
    const given: unknown = budget(ownTimeoutMs, (timeoutMs) => {
      if (late) throw new Error('budget called its work after it had returned')
      if (!(timeoutMs >= 0)) throw new Error(`budget named no number of milliseconds: ${timeoutMs}`)
      working ??= work(Math.min(ownTimeoutMs, timeoutMs))
      return working
    })
    // One that waits for the work fails with it, and nobody waits for that.
    Promise.resolve(given).catch(() => {})
  } catch (error) {
    if (!working) throw error
  } finally {
    late = true
  }
  if (!working) throw new Error('budget did not call its work')
  return working
}
