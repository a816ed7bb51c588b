import { AuthUnavailableError } from './errors.js'

/** Failures in a row after which a server counts as gone, and how long it is left alone. */
const FAILURES = 5
const OPEN_MS = 10_000

export interface Breaker {
  /** @throws AuthUnavailableError at once while the server counts as gone; else whatever `work` throws. */
  run<T>(work: () => Promise<T>): Promise<T>
  /** @throws the last outage, until an attempt succeeds: nothing that a caller can bring about. */
  check(): void
}

/**
 * Stops asking a server that fails: after five failures in a row nobody waits for it any more, and every ten seconds one
 * call tries again, alone. (cockatiel 3 lets all waiting calls through with that one, opossum 9 opens at the first failure.)
 *
 * @param isOutage false for a failure that says nothing about the server, such as one that a caller can bring about.
 */
export function breaker(isOutage: (error: unknown) => boolean): Breaker {
  let failures = 0
  let failure: unknown
  let openUntil = 0
  let probing = false

  return {
    async run(work) {
      const isOpen = failures >= FAILURES
      const restMs = openUntil - performance.now()
      if (isOpen && (restMs > 0 || probing)) {
        throw new AuthUnavailableError('the authorization server cannot be used', {
          cause: failure,
          retryAfterMs: Math.max(restMs, 1000),
        })
      }
      probing = isOpen
      try {
        const value = await work()
        failures = 0
        failure = undefined
        return value
      } catch (error) {
        if (isOutage(error)) {
          failure = error
          failures++
          openUntil = performance.now() + OPEN_MS
        }
        throw error
      } finally {
        if (isOpen) probing = false
      }
    },
    check() {
      if (failure) throw failure
    },
  }
}
