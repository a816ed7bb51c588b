import type { Charge, Meters, Reading } from '../../src/index.js'

interface Kept {
  wholeAt: number
  owedUntil: number
  windowMs: number
}

/** The generic cell rate algorithm as `memoryMeters` of the ratelimit package counts it, by whatever clock. */
export function referenceMeters(clock: () => number) {
  const table = new Map<string, Kept>()

  function look({ key, windowMs }: Charge, now: number): Kept {
    const kept = table.get(key) ?? { wholeAt: now, owedUntil: now, windowMs }
    table.set(key, kept)
    if (kept.windowMs !== windowMs) {
      kept.wholeAt = Math.min(kept.owedUntil, now + windowMs)
      kept.windowMs = windowMs
    }
    return kept
  }

  function judge(charge: Charge, { wholeAt }: Kept, now: number): Reading {
    const { units, limit, windowMs } = charge
    const each = windowMs / limit
    const slack = Math.min(each / 1000, 0.01)
    const used = Math.max(wholeAt - now, 0)
    const next = used + units * each
    const allowed = next <= windowMs + slack
    const left = windowMs - (allowed ? next : used) + slack
    const refused = units > limit ? windowMs : next - windowMs
    return {
      allowed,
      remaining: Math.max(0, Math.floor(left / each)),
      waitMs: allowed ? next : refused,
    }
  }

  function make({ units, limit, windowMs }: Charge, kept: Kept, now: number) {
    const cost = (units * windowMs) / limit
    kept.wholeAt = Math.max(kept.wholeAt, now) + cost
    kept.owedUntil = Math.max(kept.owedUntil, now) + cost
  }

  return {
    charge(charges, first) {
      const now = clock()
      const all = first ? [first, ...charges] : [...charges]
      const found = all.map((charge) => ({ charge, kept: look(charge, now) }))
      const readings = found.map(({ charge, kept }) => judge(charge, kept, now))
      const passes = readings.every(({ allowed }) => allowed)
      const made = found.map((_, i) => passes || (i === 0 && first && readings[0]?.allowed))
      const told = found.map(({ charge, kept }, i) =>
        readings[i]?.allowed && !made[i] ? judge({ ...charge, units: 0 }, kept, now) : readings[i],
      )
      for (const [i, { charge, kept }] of found.entries()) if (made[i]) make(charge, kept, now)
      return told as Reading[]
    },
  } satisfies Meters
}

/** Numbers that look random, the same for the same seed. */
export function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}
