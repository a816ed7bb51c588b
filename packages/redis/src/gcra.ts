import type { Charge, Reading } from './meters.js'

/** What a charge is as time, which is all that the server counts in. */
export interface Cost {
  windowMs: number
  costMs: number
  /** Up to here a quota may be used. */
  roomMs: number
}

export function costOf({ units, limit, windowMs }: Charge): Cost {
  const msPerUnit = windowMs / limit
  return { windowMs, costMs: units * msPerUnit, roomMs: windowMs + slackOf(msPerUnit) }
}

/**
 * The generic cell rate algorithm: of a meter only the moment is kept at which its quota is whole again, and each unit
 * puts it off by `windowMs / limit`. It has no window edge: at most `limit` units pass at once, and at most
 * `limit × (1 + s / windowMs)` in any span of `s` milliseconds. What is refused costs nothing.
 *
 * @param usedMs how far ahead that moment is: the used part of the quota, as time
 */
export function judge(charge: Charge, usedMs: number): Reading {
  const { units, limit, windowMs } = charge
  const { costMs, roomMs } = costOf(charge)
  const msPerUnit = windowMs / limit
  const nextMs = usedMs + costMs
  const allowed = nextMs <= roomMs
  const countedMs = allowed ? nextMs : usedMs
  // More than the whole quota at once never passes: a full window is then as good an answer as any.
  const refusedMs = units > limit ? windowMs : nextMs - windowMs
  return {
    allowed,
    remaining: Math.max(0, Math.floor((roomMs - countedMs) / msPerUnit)),
    waitMs: allowed ? nextMs : refusedMs,
  }
}

/** Sums of fractions of a millisecond are a little off; the last unit of a quota must pass all the same. */
function slackOf(msPerUnit: number): number {
  return Math.min(msPerUnit / 1000, 0.01)
}
