import type { Store } from 'express-rate-limit'
import { createMeter, type MeterOptions } from './meter.js'

/** express-rate-limit counts by one per key; the units a request costs travel in front of its key. */
export function weightedKey(units: number, id: string): string {
  return `${units} ${id}`
}

/**
 * The bounded store, in place of express-rate-limit's own, which has no cap. A refusal is told as
 * `totalHits = limit + units`, so that it shows what was asked for. Nothing in it can fail.
 */
export function boundedStore(options: MeterOptions): Store {
  const { limit } = options
  const meter = createMeter(options)
  return {
    localKeys: true,
    increment(key) {
      const gap = key.indexOf(' ')
      const units = Number(key.slice(0, gap))
      const { allowed, remaining, waitMs } = meter.take(key.slice(gap + 1), units)
      return {
        totalHits: allowed ? limit - remaining : limit + units,
        resetTime: new Date(Date.now() + Math.ceil(waitMs)),
      }
    },
    // Never called: neither `skipFailedRequests` nor `skipSuccessfulRequests` is set, and no reset is offered.
    decrement() {},
    resetKey() {},
  }
}
