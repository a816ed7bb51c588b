import type { Charge, Meters, Reading } from '../src/meters.js'

/** Meters that answer at once. */
export interface Counter extends Meters {
  charge(charges: readonly Charge[]): Reading[]
}
export type Policy = Pick<Charge, 'limit' | 'windowMs'>

/** Charges one meter alone. */
export function take(meters: Counter, key: string, units: number, policy: Policy): Reading {
  const [reading] = meters.charge([{ key, units, ...policy }])
  if (!reading) throw new Error('no reading')
  return reading
}

/** How many of `count` single units pass now. */
export function passing(meters: Counter, key: string, count: number, policy: Policy): number {
  let passed = 0
  for (let i = 0; i < count; i++) passed += take(meters, key, 1, policy).allowed ? 1 : 0
  return passed
}

/** The same numbers from 0 up to 1 for the same seed. */
export function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}
