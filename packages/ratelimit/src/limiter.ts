import type { Request, RequestHandler } from 'express'
import { takeDeferred } from './deferred.js'
import { announce, type Counted, type LayerCharge } from './fields.js'
import { type Meters, readingOf, type Verdict } from './meters.js'
import { type LimitedDetails, refuse } from './refuse.js'
import { tell } from './tell.js'
import { failed } from './unavailable.js'

export interface LimiterOptions {
  meters: Meters
  /** What a request costs, and where. */
  chargesOf(req: Request): readonly LayerCharge[]
  onLimited: ((req: Request, details: LimitedDetails) => unknown) | undefined
}

/**
 * Charges all that a request costs in one call, together with what `limitByIp` has left for the same meters, writes the header
 * fields and refuses. express-rate-limit, which counts the address, counts one hit of one key: here a request has several keys,
 * weights, and is charged everywhere or nowhere.
 */
export function limiter({ meters, chargesOf, onLimited }: LimiterOptions): RequestHandler {
  return function limiterMiddleware(req, res, next) {
    const charges = chargesOf(req)
    const left = takeDeferred(req, meters)

    function conclude(verdict: Verdict): void {
      const readings = left ? verdict.slice(1) : verdict
      const counted = charges.map((charge, i) => ({ charge, reading: readingOf(readings[i]) }))
      const address = left && { charge: left.charge, reading: readingOf(verdict[0]) }
      if (address) left.learn(res, address.reading)
      const refusing = address?.reading.allowed === false ? address : worst(counted)
      for (const each of oneOfEachLayer(counted, refusing)) announce(res, each)
      if (!refusing) {
        next()
        return
      }
      const details = refuse(req, res, refusing)
      const listener = refusing === address ? left?.onLimited : onLimited
      if (listener) tell(() => listener(req, details))
    }

    const verdict = meters.charge(charges, left?.charge)
    if (!('then' in verdict)) return conclude(verdict)
    return Promise.resolve(verdict).then(conclude, (error) => failed(req, res, next, error))
  }
}

/** Of the meters that refuse, the one that makes the caller wait longest: one that never lets this pass, if there is any. */
function worst(counted: readonly Counted[]): Counted | undefined {
  let found: Counted | undefined
  for (const each of counted) {
    if (!each.reading.allowed && (!found || waitOf(each) > waitOf(found))) found = each
  }
  return found
}

function waitOf({ charge, reading }: Counted): number {
  return charge.units > charge.limit ? Number.POSITIVE_INFINITY : reading.waitMs
}

/** Of a batch's tools only one is told, that which refuses or else has least left: a hundred would not fit into a header. */
function oneOfEachLayer(
  counted: readonly Counted[],
  refusing: Counted | undefined,
): readonly Counted[] {
  if (counted.length < 3) return counted
  const tools = counted.filter(({ charge }) => charge.layer === 'tool')
  const told =
    refusing?.charge.layer === 'tool'
      ? refusing
      : tools.reduce((least, each) => (shareLeft(each) < shareLeft(least) ? each : least))
  return counted.filter((each) => each.charge.layer !== 'tool' || each === told)
}

function shareLeft({ charge, reading }: Counted): number {
  return reading.remaining / charge.limit
}
