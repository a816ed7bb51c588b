import type { Request } from 'express'
import type { RateLimitInfo, Store } from 'express-rate-limit'
import type { MemoryMeters } from './memory-meters.js'
import { type Charge, type Meters, type Reading, readingOf } from './meters.js'

/** By the date that stands for it in `req.rateLimit`, which knows whole milliseconds of a clock that may be set. */
const readings = new WeakMap<Date, Reading>()

/** Meters as a store of express-rate-limit: one hit of a key is one unit. */
export function meterStore(meters: Meters, quota: Pick<Charge, 'limit' | 'windowMs'>): Store {
  return {
    localKeys: meters.shared !== true,
    async increment(key) {
      const [first] = await meters.charge([{ key, units: 1, ...quota }])
      const reading = readingOf(first)
      const resetTime = new Date(Date.now() + reading.waitMs)
      readings.set(resetTime, reading)
      return { totalHits: quota.limit + (reading.allowed ? -reading.remaining : 1), resetTime }
    },
    // Never called: neither `skipFailedRequests` nor `skipSuccessfulRequests` is set, and no reset is offered.
    decrement() {},
    resetKey() {},
  }
}

/** What the store said of this request's address. */
export function readingFor(req: Request): { key: string; reading: Reading } {
  const { key, resetTime } = (req as Request & { rateLimit: RateLimitInfo }).rateLimit
  return { key, reading: readingOf(resetTime && readings.get(resetTime)) }
}

/** Brings a local table up to what shared meters said of a charge; down it goes by itself, as time passes. */
export function catchUp(local: MemoryMeters, charge: Charge, { allowed, waitMs }: Reading): void {
  const { units, limit, windowMs } = charge
  const msPerUnit = windowMs / limit
  const usedMs = allowed ? waitMs : windowMs - units * msPerUnit + waitMs
  const known = readingOf(local.charge([{ ...charge, units: 0 }])[0]).waitMs
  const missingMs = Math.min(usedMs, windowMs) - known
  if (missingMs > 0) local.charge([{ ...charge, units: missingMs / msPerUnit }])
}
