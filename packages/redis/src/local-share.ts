import type { Charge, Meters, Verdict } from './meters.js'
import { requireOption, wrongOption } from './options.js'

/** Soon enough, for Redis is tried again within a second; whoever passes it on should spread it. */
const RETRY_AFTER_SECONDS = 2
/** The code that `@mcp-prod/ratelimit` answers with 503. */
const UNAVAILABLE = 'ERR_LIMITS_UNAVAILABLE'

export type LocalCharge = (charges: readonly Charge[], first?: Charge) => Verdict | Promise<Verdict>

/** How requests are judged without Redis: by `fallback` at a share of each limit, or not at all when it is 0. */
export function localShare(fallback: Meters | undefined, share: number): LocalCharge {
  const holds = typeof share === 'number' && share >= 0 && share <= 1
  requireOption(holds, 'share', 'a number from 0 to 1', share)
  if (share === 0) return async () => throwUnavailable()
  if (typeof fallback?.charge !== 'function') {
    throw wrongOption('fallback must be meters such as memoryMeters(100_000), unless share is 0')
  }
  const reduced = (charge: Charge) => ({
    ...charge,
    limit: Math.max(1, Math.floor(charge.limit * share)),
  })
  return (charges, first) => fallback.charge(charges.map(reduced), first && reduced(first))
}

function throwUnavailable(): never {
  const error = new Error('limits cannot be counted: Redis is away')
  throw Object.assign(error, { code: UNAVAILABLE, retryAfterSeconds: RETRY_AFTER_SECONDS })
}
