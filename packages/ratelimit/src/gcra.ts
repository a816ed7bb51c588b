import type { Charge, Reading } from './meters.js'

/**
 * The generic cell rate algorithm: of a meter only the moment is kept at which its quota is whole again, and each unit
 * puts it off by `windowMs / limit`. It has no window edge: at most `limit` units pass at once, and at most
 * `limit × (1 + s / windowMs)` in any span of `s` milliseconds. What is refused costs nothing.
 *
 * @param usedMs how far ahead that moment is: the used part of the quota, as time
 */
export function judge({ units, limit, windowMs }: Charge, usedMs: number): Reading {
  const msPerUnit = windowMs / limit
  // Sums of fractions of a millisecond are a little off; the last unit of a quota must pass all the same.
  const slackMs = Math.min(msPerUnit / 1000, 0.01)
  const nextMs = usedMs + units * msPerUnit
  const allowed = nextMs <= windowMs + slackMs
  const countedMs = allowed ? nextMs : usedMs
  // More than the whole quota at once never passes: a full window is then as good an answer as any.
  const refusedMs = units > limit ? windowMs : nextMs - windowMs
  return {
    allowed,
    remaining: Math.max(0, Math.floor((windowMs - countedMs + slackMs) / msPerUnit)),
    waitMs: allowed ? nextMs : refusedMs,
  }
}
