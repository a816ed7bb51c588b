import { type BreakerState, breaker } from './breaker.js'
import { bulkhead } from './bulkhead.js'
import { remainingMs } from './deadline.js'
import { TimeoutError } from './errors.js'
import { guardedAttempt } from './guarded-attempt.js'
import { lifetime } from './lifetime.js'
import { requireText } from './options.js'
import { type PolicyOptions, readPolicyOptions } from './policy-options.js'
import { retrying } from './retry.js'
import { retryBudget } from './retry-budget.js'
import { teller } from './tell.js'

export interface PolicyAttempt {
  /** Aborts when the attempt or the run is over or the caller gives up: pass it on to whatever waits. */
  signal: AbortSignal
  /** From 1. */
  number: number
}

export interface RunOptions {
  /** The caller's: the run ends with its reason as soon as it aborts. */
  signal?: AbortSignal
  /** Whether doing the work twice does no harm; without it there is no retry. @default false */
  idempotent?: boolean
}

export interface Policy {
  /** @throws TimeoutError, OpenError, FullError, the reason of the caller's signal, or what the work threw last. */
  run<T>(work: (attempt: PolicyAttempt) => T | Promise<T>, options?: RunOptions): Promise<T>
  /** Of the breaker; `closed` without one. */
  readonly state: BreakerState
  /** Attempts under way, with those that were abandoned and have not ended yet. */
  readonly running: number
  /** Attempts that wait for their turn. */
  readonly queued: number
  /** For health checks that send nothing themselves. @throws OpenError while the breaker is open. */
  check(): void
  /** Stops timers. The breaker watches no more; what runs goes on. */
  close(): void
}

/**
 * What calls to one dependency are held to: total timeout, retries, bulkhead, breaker and attempt timeout, in this order
 * from the outside in. Make one for each dependency, once: they share nothing.
 *
 * @param name of the dependency, in errors and events.
 * @throws TypeError `ERR_RESILIENCE_OPTION`
 */
export function policy(name: string, options: PolicyOptions = {}): Policy {
  requireText('name of policy', name)
  const settings = readPolicyOptions(options)
  const { totalMs, retry, onEvent } = settings
  const what = `policy "${name}"`
  const tell = teller(name, onEvent)
  const budget = retryBudget(retry.share, retry.perSecond)
  const places = bulkhead(what, settings.bulkhead.concurrency, settings.bulkhead.queue)
  const circuit = settings.breaker
    ? breaker(what, settings.breaker, (state) => tell({ type: 'state', state }))
    : undefined
  const guards = { what, settings, places, circuit, tell }

  return {
    async run(work, { signal, idempotent = false } = {}) {
      const startedAt = performance.now()
      const timeoutMs = Math.min(totalMs, remainingMs() ?? totalMs)
      const life = lifetime(timeoutMs, signal, () => {
        tell({ type: 'timeout', scope: 'total' })
        return new TimeoutError(what, 'total', timeoutMs)
      })
      const tryOnce = (number: number) =>
        guardedAttempt(
          (signal) => work({ signal, number }),
          life,
          guards,
          () => {
            // What was refused is no load, and must not pay for retries once the breaker has closed.
            if (number === 1) budget.deposit()
          },
        )
      try {
        const value = await retrying(tryOnce, { settings: retry, budget, life, idempotent, tell })
        tell({ type: 'success', durationMs: performance.now() - startedAt })
        return value
      } catch (error) {
        tell({ type: 'failure', durationMs: performance.now() - startedAt, error })
        throw error
      } finally {
        life.release()
      }
    },
    get state() {
      return circuit?.state ?? 'closed'
    },
    get running() {
      return places.running
    },
    get queued() {
      return places.queued
    },
    check() {
      circuit?.check()
    },
    close() {
      circuit?.close()
    },
  }
}
