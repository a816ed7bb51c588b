import { fault } from './options.js'

/** One meter that a request is charged to. */
export interface Charge {
  /** Names the meter; no two charges of a request have the same. */
  key: string
  /** What the request costs there, 0 or more. */
  units: number
  /** Units in the quota. */
  limit: number
  /** Milliseconds in which a used-up quota is whole again. */
  windowMs: number
}

/** What one meter says of its charge. */
export interface Reading {
  allowed: boolean
  /** Whole units left, after the charge if it was made. */
  remaining: number
  /** Milliseconds until the quota is whole again or, where it refuses, until the same charge would pass. */
  waitMs: number
}

/** One reading for each charge, in the same order, that of `first` in front. */
export type Verdict = readonly Reading[]

/**
 * Counts units. All charges of a request come in one call, so a store outside the process needs one round trip. A promise
 * must settle soon whatever happens to that store. One that rejects with the code `ERR_LIMITS_UNAVAILABLE` (and
 * `retryAfterSeconds`) makes the answer a 503; any other error fails the request.
 */
export interface Meters {
  /**
   * Makes `charges` together or not at all. `first` is judged before them and is made even when they are refused, since a
   * flood of refused calls is not free for its address; when it is refused itself, none of the others is made.
   */
  charge(charges: readonly Charge[], first?: Charge): Verdict | Promise<Verdict>
  /** Other processes count here too: `limitByIp` judges by what it knows and asks together with `limitByPrincipal`. */
  readonly shared?: true
}

/** @throws TypeError `ERR_RATELIMIT_METERS` where meters gave none. */
export function readingOf(reading: Reading | undefined): Reading {
  if (reading) return reading
  throw fault('ERR_RATELIMIT_METERS', 'meters must give one reading for each charge')
}
