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

/** One reading for each charge in order, that of `first` in front. */
export type Verdict = readonly Reading[]

/** Counts units; what `@mcp-prod/ratelimit` asks. */
export interface Meters {
  /**
   * `charges` are made together or not at all. `first`, if given, is judged before them, and is made even when they
   * are refused; when it is refused itself, none of the others is made.
   */
  charge(charges: readonly Charge[], first?: Charge): Verdict | Promise<Verdict>
}
