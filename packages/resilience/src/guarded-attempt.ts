import { attempt } from './attempt.js'
import type { Breaker, Verdict } from './breaker.js'
import type { Bulkhead } from './bulkhead.js'
import { withDeadline } from './deadline.js'
import { FullError, OpenError, TimeoutError } from './errors.js'
import type { Lifetime } from './lifetime.js'
import type { PolicySettings, Tell } from './policy-options.js'

/** An attempt that had less than this share of its time tells nothing about the dependency when it times out. */
const FAIR_SHARE = 0.9

export interface Guards {
  /** Of the policy, for errors. */
  what: string
  settings: PolicySettings
  places: Bulkhead
  circuit: Breaker | undefined
  tell: Tell
}

/**
 * One attempt: waits for a place, asks the breaker, runs the work within its time, and gives the place back when the work is
 * gone.
 *
 * @param onBegin called when the work begins, which it does not when something refuses.
 */
export async function guardedAttempt<T>(
  work: (signal: AbortSignal) => T | Promise<T>,
  life: Lifetime,
  guards: Guards,
  onBegin: () => void,
): Promise<T> {
  const { what, settings, places, circuit, tell } = guards
  const { attemptMs, totalMs } = settings
  let begun = false
  let timedOut = false
  let hasFairTime = true

  function onTimeout(): Error {
    timedOut = true
    tell({ type: 'timeout', scope: 'attempt' })
    return new TimeoutError(what, 'attempt', attemptMs)
  }
  function verdictOf(error: unknown): Verdict {
    if (life.cancelled || settings.breaker === false) return 'nothing'
    if (timedOut || life.over) return hasFairTime ? 'failure' : 'nothing'
    if (settings.breaker.isFailure(error)) return 'failure'
    return settings.breaker.isSuccess(error) ? 'success' : 'nothing'
  }
  function begin(leave: () => void): Promise<T> {
    begun = true
    onBegin()
    const leftMs = Math.min(attemptMs, life.endsAt - performance.now())
    hasFairTime = leftMs >= FAIR_SHARE * Math.min(attemptMs, totalMs)
    const limits = { life, timeoutMs: attemptMs, onTimeout, onGone: leave, graceMs: attemptMs }
    return withDeadline(leftMs, () => attempt(work, limits))
  }

  try {
    // Nobody should wait for a place only to be refused.
    circuit?.check()
    const leave = await places.enter(life)
    try {
      return await (circuit ? circuit.run(() => begin(leave), verdictOf) : begin(leave))
    } finally {
      if (!begun) leave()
    }
  } catch (error) {
    if (!begun && error instanceof OpenError) tell({ type: 'rejected', why: 'open' })
    if (!begun && error instanceof FullError) tell({ type: 'rejected', why: 'full' })
    throw error
  }
}
