import { attempt } from './attempt.js'
import { backoffMs, sleep } from './backoff.js'
import { NotReadyError, TimeoutError } from './errors.js'
import { faultLine } from './fault.js'
import { lifetime } from './lifetime.js'
import { requireFunction, requireGroup, requireMilliseconds } from './options.js'

/** Succeeds when the dependency is there; throws or rejects when not. Stop when `signal` aborts. */
export type ReadyCheck = (signal: AbortSignal) => unknown

export interface RetryNotice {
  name: string
  error: unknown
  /** The one that failed, from 1. */
  attempt: number
}

export interface WaitForOptions {
  /** Milliseconds to wait altogether. @default 60000 */
  timeoutMs?: number
  /** Milliseconds for one attempt at one dependency. @default 5000 */
  attemptMs?: number
  /** Ends the wait with its reason: the process is told to stop before it was ready. */
  signal?: AbortSignal
  /** Called when an attempt failed and another one will follow: for the log. */
  onRetry?: (notice: RetryNotice) => void
}

const MIN_DELAY_MS = 100
const MAX_DELAY_MS = 5_000

/**
 * Waits at start-up until every dependency is there: a server that comes up before its database should wait, not crash
 * in a loop. All are tried at once, each again and again with growing, random waits.
 *
 * @throws NotReadyError when time is over, with one line for each that is still missing; the signal's reason when it
 *   aborts; TypeError `ERR_RESILIENCE_OPTION`.
 */
export async function waitFor(
  checks: Record<string, ReadyCheck>,
  options: WaitForOptions = {},
): Promise<void> {
  const { timeoutMs = 60_000, attemptMs = 5_000, signal, onRetry } = options
  requireGroup('checks of waitFor', checks)
  for (const [name, check] of Object.entries(checks)) requireFunction(`check "${name}"`, check)
  requireMilliseconds('timeoutMs', timeoutMs)
  requireMilliseconds('attemptMs', attemptMs)
  if (onRetry !== undefined) requireFunction('onRetry', onRetry)

  const life = lifetime(timeoutMs, signal, () => new TimeoutError('waitFor', 'total', timeoutMs))
  const missing = new Map<string, unknown>(Object.keys(checks).map((name) => [name, undefined]))

  async function until(name: string, check: ReadyCheck): Promise<void> {
    for (let number = 1; !life.over; number++) {
      try {
        await attempt(check, {
          life,
          timeoutMs: attemptMs,
          onTimeout: () => new TimeoutError(`check "${name}"`, 'attempt', attemptMs),
        })
        missing.delete(name)
        return
      } catch (error) {
        if (life.over) {
          // What it failed with before says more than that time is over.
          if (missing.get(name) === undefined) missing.set(name, error)
          return
        }
        missing.set(name, error)
        tell(onRetry, { name, error, attempt: number })
        await sleep(backoffMs(number, MIN_DELAY_MS, MAX_DELAY_MS), life).catch(() => {})
      }
    }
  }

  try {
    await Promise.all(Object.entries(checks).map(([name, check]) => until(name, check)))
  } finally {
    life.release()
  }
  if (missing.size === 0) return
  if (life.cancelled) throw signal?.reason
  const faults = [...missing].map(([name, error]) => `${name}: ${faultLine(error)}`)
  throw new NotReadyError(faults, { cause: [...missing.values()][0] })
}

function tell(onRetry: WaitForOptions['onRetry'], notice: RetryNotice): void {
  try {
    Promise.resolve(onRetry?.(notice)).catch(() => {})
  } catch {
    // A log that fails must not end the wait.
  }
}
