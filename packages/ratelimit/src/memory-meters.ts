import { judge } from './gcra.js'
import { meterTable, type Place } from './meter-table.js'
import type { Charge, Meters, Reading } from './meters.js'
import { keyCount } from './options.js'

/** The keys that the limiters make of addresses. */
const ADDRESS = /^(?:ip|address) /

export interface MemoryMeters extends Meters {
  charge(charges: readonly Charge[], first?: Charge): Reading[]
  /** How many keys are held. */
  readonly size: number
}

/**
 * Counts in this process, at most `maxKeys` addresses and as many other keys one by one, so that strangers take no place of
 * those who are known. A key is dropped when its quota is whole, when forgetting it changes nothing, and never before. With
 * all places taken by keys in use, newcomers share buckets: they push nobody out. The time is monotonic: setting
 * the wall clock changes nothing. Both limiters have their own by default.
 *
 * @throws TypeError `ERR_RATELIMIT_OPTION` when `maxKeys` is not a whole number from 1 to 10000000.
 */
export function memoryMeters(maxKeys: number): MemoryMeters {
  keyCount('maxKeys of memoryMeters', maxKeys, 'keys')
  const addresses = meterTable(maxKeys)
  const others = meterTable(maxKeys)
  const tableOf = ({ key }: Charge) => (ADDRESS.test(key) ? addresses : others)
  const look = (charge: Charge, now: number) => tableOf(charge).look(charge, now)
  const make = (place: Place, now: number) => tableOf(place.charge).make(place, now)

  return {
    get size() {
      return addresses.size() + others.size()
    },
    charge(charges, first) {
      const now = performance.now()
      const front = first && look(first, now)
      if (front?.reading.allowed) make(front, now)
      const places = charges.map((charge) => look(charge, now))
      const refused =
        front?.reading.allowed === false || places.some(({ reading }) => !reading.allowed)
      if (!refused) for (const place of places) make(place, now)
      for (const { charge, meter } of front ? [front, ...places] : places)
        if (!meter) tableOf(charge).sweep(now)
      const readings = places.map(({ charge, usedMs, reading }) =>
        refused && reading.allowed ? judge({ ...charge, units: 0 }, usedMs) : reading,
      )
      return front ? [front.reading, ...readings] : readings
    },
  }
}
