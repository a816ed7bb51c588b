/** Who served so long before it died is not in a crash loop. */
const STEADY_MS = 60_000

/** How long to wait before the next try, from how long the last one was ready: longer each time it died soon. */
export function backoff(options: { backoffMs: number; maxBackoffMs: number }) {
  const { backoffMs, maxBackoffMs } = options
  let tries = 0

  return function nextWait(readyForMs: number): number {
    // Negative infinity, where it never was ready.
    if (readyForMs >= STEADY_MS) tries = 0
    const waitMs = Math.min(maxBackoffMs, backoffMs * 2 ** Math.min(tries, 30))
    tries++
    // At random, or all workers that one fault has killed would load at once, on the same CPUs.
    return waitMs * (0.5 + Math.random() / 2)
  }
}
