import { judge } from './gcra.js'
import type { Charge, Reading } from './meters.js'
import { sharedBuckets } from './shared-buckets.js'

interface Meter {
  /** When the quota is whole again. */
  wholeAt: number
  windowMs: number
  /** As `wholeAt`, with what a shorter window has let off; 0 when that is nothing. */
  owedUntil: number
}

/** Where a charge goes, and what is found there; without a meter of its own, a new one or a shared bucket. */
export interface Place {
  charge: Charge
  meter: Meter | undefined
  usedMs: number
  reading: Reading
}

/** More than come in, so that those whose quota is whole cannot fill the table. */
const SWEPT_PER_NEWCOMER = 4

/** Meters by key, at most `maxKeys`. Each newcomer looks through a few of those held: there is no timer and no long search. */
export function meterTable(maxKeys: number) {
  const table = new Map<string, Meter>()
  const shared = sharedBuckets()
  let sweeping = table.entries()

  function sweep(now: number): void {
    for (let i = 0; i < SWEPT_PER_NEWCOMER; i++) {
      const { done, value } = sweeping.next()
      if (done) {
        sweeping = table.entries()
        return
      }
      const [key, { wholeAt, owedUntil }] = value
      if (wholeAt <= now && owedUntil <= now) table.delete(key)
    }
  }

  /** A key that gets a place of its own takes along what its bucket has used, or leaving it would free it. */
  function sharedWholeAt({ key, windowMs }: Charge, now: number): number {
    return shared.wholeAt > now ? shared.read(key, windowMs) : 0
  }

  return {
    /** For each newcomer, when its request has been charged: what that has found whole must not be gone before. */
    sweep,
    size: () => table.size,
    look(charge: Charge, now: number): Place {
      const meter = table.get(charge.key)
      if (meter && meter.windowMs !== charge.windowMs) changeWindow(meter, charge.windowMs, now)
      const usedMs = Math.max((meter ? meter.wholeAt : sharedWholeAt(charge, now)) - now, 0)
      return { charge, meter, usedMs, reading: judge(charge, usedMs) }
    },
    make({ charge, meter, reading }: Place, now: number): void {
      const { key, units, windowMs } = charge
      const wholeAt = now + reading.waitMs
      if (meter) postpone(meter, wholeAt, now)
      else if (units === 0) return
      else if (table.size >= maxKeys) shared.put(key, windowMs, wholeAt)
      else table.set(ownCopy(key), { wholeAt, windowMs, owedUntil: 0 })
    },
  }
}

function postpone(meter: Meter, wholeAt: number, now: number): void {
  if (meter.owedUntil > 0) {
    meter.owedUntil = Math.max(meter.owedUntil, now) + wholeAt - Math.max(meter.wholeAt, now)
  }
  meter.wholeAt = wholeAt
}

/**
 * A plan with another window counts on from the same moment, so nothing that was used is forgotten; but never from
 * more than a whole window ahead, or who leaves a long one would be locked out. What that lets off comes back with
 * the longer window: going to and fro between two plans gives no more than the better of them.
 */
function changeWindow(meter: Meter, windowMs: number, now: number): void {
  const owedUntil = Math.max(meter.wholeAt, meter.owedUntil)
  meter.wholeAt = Math.min(owedUntil, now + windowMs)
  meter.owedUntil = owedUntil > meter.wholeAt ? owedUntil : 0
  meter.windowMs = windowMs
}

/** A string cut out of a header keeps the whole header in memory for as long as it lives; a copy does not. */
function ownCopy(key: string): string {
  // Half the size where it holds all of the key, which is nearly always.
  const encoding = /^[\0-\xff]*$/.test(key) ? 'latin1' : 'utf16le'
  return Buffer.from(key, encoding).toString(encoding)
}
