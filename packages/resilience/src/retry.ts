import { backoffMs, sleep } from './backoff.js'
import type { Lifetime } from './lifetime.js'
import type { PolicySettings, Tell } from './policy-options.js'
import type { RetryBudget } from './retry-budget.js'

export interface RetryContext {
  settings: PolicySettings['retry']
  budget: RetryBudget
  life: Lifetime
  idempotent: boolean
  tell: Tell
}

/**
 * Tries again what failed and may be done twice, as long as time, budget and the dependency's own wish allow it.
 * @throws what the last attempt failed with, or why the run was over while waiting.
 */
export async function retrying<T>(
  tryOnce: (number: number) => Promise<T>,
  context: RetryContext,
): Promise<T> {
  const { settings, life, idempotent, tell } = context
  const attempts = idempotent ? settings.attempts : 1
  for (let number = 1; ; number++) {
    try {
      if (life.over) throw life.over.reason
      return await tryOnce(number)
    } catch (error) {
      if (number >= attempts || life.over || !settings.isRetryable(error)) throw error
      const delayMs = delayOrRefusal(error, number, context)
      if (typeof delayMs === 'string') {
        tell({ type: 'retry-refused', why: delayMs, error })
        throw error
      }
      tell({ type: 'retry', attempt: number + 1, delayMs, error })
      await sleep(delayMs, life)
    }
  }
}

function delayOrRefusal(error: unknown, failures: number, context: RetryContext) {
  const { settings, budget, life } = context
  const askedMs = retryAfterMsOf(error)
  if (askedMs > settings.maxRetryAfterMs) return 'retry-after'
  // On top of what was asked for, or all who were asked would come back at the same moment.
  const delayMs = askedMs + backoffMs(failures, settings.minDelayMs, settings.maxDelayMs)
  if (performance.now() + delayMs >= life.endsAt) return 'deadline'
  return budget.withdraw() ? delayMs : 'budget'
}

function retryAfterMsOf(error: unknown): number {
  const asked = (error as { retryAfterMs?: unknown } | null | undefined)?.retryAfterMs
  return typeof asked === 'number' && asked > 0 ? asked : 0
}
