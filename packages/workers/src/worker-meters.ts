import { tell } from './logger.js'
import { optionalFunction, requireMilliseconds, requireOption } from './options.js'
import type { Workers } from './types.js'
import type { WorkerLink } from './worker-link.js'

/** One meter that a request is charged to. */
export interface Charge {
  key: string
  units: number
  limit: number
  windowMs: number
}

/** What one meter says of its charge. */
export interface Reading {
  allowed: boolean
  remaining: number
  waitMs: number
}

/** Counts units; what `@mcp-prod/ratelimit` asks. */
export interface Meters {
  charge(
    charges: readonly Charge[],
    first?: Charge,
  ): readonly Reading[] | Promise<readonly Reading[]>
}

export interface WorkerMetersOptions {
  /** Judges while the primary does not answer, such as `memoryMeters` of `@mcp-prod/ratelimit`. */
  fallback: Meters
  /** Milliseconds that a request waits for the primary, 1000 at most; then it is judged here. @default 250 */
  timeoutMs?: number
  /** Called when the primary does not answer, with the reason, and when it does again: for the log. */
  onChange?: (away: boolean, reason?: string) => unknown
}

export interface WorkerMeters extends Meters {
  /** Other processes charge the same meters. */
  readonly shared: true
  /** Whether the primary is away, and, so far, requests judged here, answers that were late, other failures. */
  state(): { away: boolean; local: number; timeouts: number; errors: number }
}

const TOPIC = '@mcp-prod/workers/charge'
/** How long the primary is not asked after it did not answer: at random, so that workers do not come back together. */
const RETRY_MS = { least: 250, spread: 500 }

/** Counts for all workers: what they charge is charged to these meters, in the primary. */
export function countForWorkers(workers: Pick<Workers, 'onAsk'>, meters: Meters): void {
  requireOption(typeof meters?.charge === 'function', 'meters', 'such as memoryMeters()', meters)
  workers.onAsk(TOPIC, (payload) => {
    const { charges, first } = payload as { charges: readonly Charge[]; first?: Charge }
    return meters.charge(charges, first)
  })
}

/**
 * Meters of a worker that are counted in the primary, for all workers together. While the primary does not answer each
 * worker allows its part of every limit, so that all of them together allow no more than one server does.
 *
 * @throws TypeError `ERR_WORKERS_OPTION` for a wrong option.
 */
export function workerMeters(
  link: Pick<WorkerLink, 'ask' | 'count'>,
  options: WorkerMetersOptions,
): WorkerMeters {
  const { fallback, timeoutMs = 250, onChange } = options
  requireOption(typeof fallback?.charge === 'function', 'fallback', 'meters', fallback)
  requireMilliseconds('timeoutMs', timeoutMs)
  requireOption(timeoutMs <= 1000, 'timeoutMs', '1000 at most', timeoutMs)
  optionalFunction('onChange', onChange)
  const counts = { local: 0, timeouts: 0, errors: 0 }
  let away = false
  let askAgainAt = 0

  const reduced = (charge: Charge) => ({
    ...charge,
    limit: Math.max(1, Math.floor(charge.limit / link.count)),
  })

  function judgeHere(charges: readonly Charge[], first?: Charge) {
    counts.local++
    return fallback.charge(charges.map(reduced), first && reduced(first))
  }

  function change(isAway: boolean, reason?: string): void {
    if (isAway === away) return
    away = isAway
    if (onChange) tell(() => onChange(isAway, reason))
  }

  return {
    shared: true,
    async charge(charges, first) {
      const now = performance.now()
      if (now < askAgainAt) return judgeHere(charges, first)
      // One asks; the others are not held up meanwhile.
      if (away) askAgainAt = now + RETRY_MS.least + RETRY_MS.spread
      try {
        const verdict = await link.ask(TOPIC, { charges, first }, { timeoutMs })
        askAgainAt = 0
        change(false)
        return verdict as Reading[]
      } catch (error) {
        const { code, message } = error as { code?: string; message: string }
        if (code === 'ERR_WORKERS_TIMEOUT') counts.timeouts++
        else counts.errors++
        askAgainAt = performance.now() + RETRY_MS.least + Math.random() * RETRY_MS.spread
        change(true, message)
        return judgeHere(charges, first)
      }
    },
    state: () => ({ away, ...counts }),
  }
}
