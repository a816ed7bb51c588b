import { hash, randomBytes } from 'node:crypto'

export interface MeterOptions {
  /** Milliseconds in which a used-up quota is whole again. */
  windowMs: number
  /** Units in the quota. */
  limit: number
  /** Most keys that are counted one by one. */
  maxKeys: number
}

interface Verdict {
  allowed: boolean
  /** Whole units left after this one; 0 when refused. */
  remaining: number
  /** Milliseconds until the quota is whole again or, when refused, until the same cost would pass. */
  waitMs: number
}

export interface Meter {
  take(key: string, units: number): Verdict
  /** How many keys are held. */
  readonly size: number
}

/** Enough that one busy stranger seldom shares a bucket with another, at 8 KiB. */
export const OVERFLOW_BUCKETS = 1024

/**
 * Counts units per key by the generic cell rate algorithm: of each key only the moment is kept at which its quota
 * is whole again. It has no window edge: at most `limit` units pass at once, at most `limit × (1 + s / windowMs)`
 * in any span of `s` milliseconds, and every key refills on its own clock. What is refused costs nothing.
 *
 * No key is dropped before its quota is whole, when forgetting it changes nothing. With `maxKeys` held, further
 * keys share `OVERFLOW_BUCKETS` buckets by a keyed hash: strangers can fill the table, but push nobody out of it
 * and choose nobody's bucket. The time is monotonic: setting the wall clock changes nothing.
 */
export function createMeter(options: MeterOptions): Meter {
  const { windowMs, limit, maxKeys } = options
  const msPerUnit = windowMs / limit
  // Sums of fractions of a millisecond are a little off; the last unit of a quota must pass all the same.
  const slackMs = Math.min(msPerUnit / 1000, 0.01)
  const seed = randomBytes(32).toString('hex')
  const overflow = new Float64Array(OVERFLOW_BUCKETS)
  let overflowWholeAt = 0
  let current = new Map<string, number>()
  let previous = new Map<string, number>()
  let turnAt = performance.now() + windowMs

  /** A key untouched for a whole window has a whole quota: two generations of keys need no timer and no search. */
  function turn(now: number): void {
    if (now < turnAt) return
    previous = now < turnAt + windowMs ? current : new Map()
    current = new Map()
    turnAt = now + windowMs
  }

  function bucketOf(key: string): number {
    return Number.parseInt(hash('sha256', seed + key).slice(0, 8), 16) % OVERFLOW_BUCKETS
  }

  function keep(key: string, wholeAt: number): void {
    if (current.has(key)) {
      current.set(key, wholeAt)
      return
    }
    previous.delete(key)
    current.set(ownCopy(key), wholeAt)
  }

  return {
    get size() {
      return current.size + previous.size
    },
    take(key, units) {
      const now = performance.now()
      turn(now)
      const known = current.get(key) ?? previous.get(key)
      const full = known === undefined && current.size + previous.size >= maxKeys
      // A key that gets a place of its own takes along what its bucket has used, or leaving it would free it.
      const shared =
        known === undefined && (full || now < overflowWholeAt) ? bucketOf(key) : undefined
      const wholeAt = known ?? (shared === undefined ? 0 : (overflow[shared] ?? 0))
      const nextWholeAt = Math.max(wholeAt, now) + units * msPerUnit
      const usedMs = nextWholeAt - now
      if (usedMs > windowMs + slackMs) {
        // More than the whole quota at once never passes: a full window is then as good an answer as any.
        return {
          allowed: false,
          remaining: 0,
          waitMs: units > limit ? windowMs : usedMs - windowMs,
        }
      }
      if (full && shared !== undefined) {
        overflow[shared] = nextWholeAt
        overflowWholeAt = Math.max(overflowWholeAt, nextWholeAt)
      } else if (units > 0) keep(key, nextWholeAt)
      return {
        allowed: true,
        remaining: Math.floor((windowMs - usedMs + slackMs) / msPerUnit),
        waitMs: usedMs,
      }
    },
  }
}

/** A string cut out of a header keeps the whole header in memory for as long as it lives; a copy does not. */
function ownCopy(key: string): string {
  return Buffer.from(key, 'utf16le').toString('utf16le')
}
