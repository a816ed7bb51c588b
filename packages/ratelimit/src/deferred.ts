import type { Request, Response } from 'express'
import { isOver, whenOver } from './exchange-end.js'
import type { LayerCharge } from './fields.js'
import type { Meters, Reading } from './meters.js'
import type { LimitedDetails } from './refuse.js'

/** A charge that `limitByIp` leaves to whoever asks the same meters next. */
export interface Deferred {
  meters: Meters
  charge: LayerCharge
  /** What the meters say of it. */
  learn(res: Response, reading: Reading): void
  /** The listener of the limiter that left it. */
  onLimited: ((req: Request, details: LimitedDetails) => unknown) | undefined
}

/** Where a request keeps it. No WeakMap, since an entry for each request keeps the garbage collector busy. */
const LEFT = Symbol('deferred charge')
const keeper = (req: Request) => req as Request & { [LEFT]?: Deferred & { taken: boolean } }

/** Leaves a charge with its request. One that nobody has taken when the request ends is made then. */
export function defer(req: Request, res: Response, deferred: Deferred): void {
  const entry = { ...deferred, taken: false }
  keeper(req)[LEFT] = entry
  const end = () => {
    if (!entry.taken) void chargeAlone(res, entry)
  }
  if (isOver(req, res)) end()
  else whenOver(req, res, end)
}

/** The charge that was left for these meters, once. */
export function takeDeferred(req: Request, meters: Meters): Deferred | undefined {
  const entry = keeper(req)[LEFT]
  if (!entry || entry.taken || entry.meters !== meters) return undefined
  entry.taken = true
  return entry
}

/** Nobody waits for this one, and no answer can tell of its failure: meters that fail say so where they are watched. */
async function chargeAlone(res: Response, { meters, charge, learn }: Deferred): Promise<void> {
  try {
    const [reading] = await meters.charge([charge])
    if (reading) learn(res, reading)
  } catch {}
}
