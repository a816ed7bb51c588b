import { judge } from './gcra.js'
import type { Charge, Reading } from './meters.js'

/** What the script has decided, told from what it found: by the same sums, so the answer is the same. */
export function verdictOf(
  charges: readonly Charge[],
  usedMs: readonly number[],
  isFirstApart: boolean,
): Reading[] {
  const readings = charges.map((charge, i) => judge(charge, usedMs[i] ?? 0))
  if (readings.every(({ allowed }) => allowed)) return readings
  return charges.map((charge, i) => {
    const reading = readings[i] ?? judge(charge, 0)
    const isMade = isFirstApart && i === 0
    // It would have passed alone, and has not been charged.
    return reading.allowed && !isMade ? judge({ ...charge, units: 0 }, usedMs[i] ?? 0) : reading
  })
}
