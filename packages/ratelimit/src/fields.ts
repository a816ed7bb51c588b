import type { Response } from 'express'
import type { RateLimitInfo } from 'express-rate-limit'

/** What does not change from request to request. */
export interface Policy {
  /** Names the policy, so that several limits can stand beside each other. */
  layer: 'ip' | 'principal'
  limit: number
  windowMs: number
}

/**
 * Adds the `RateLimit` and `RateLimit-Policy` fields of draft-ietf-httpapi-ratelimit-headers-08 and returns the
 * seconds they promise: until the quota resets or, when refused, until the same request would pass. The optional
 * partition key is left out: it is a hash of the client's key, told to everyone and computed for each request.
 */
export function announce(res: Response, policy: Policy, count: RateLimitInfo): number {
  const { layer, limit, windowMs } = policy
  const windowSeconds = Math.ceil(windowMs / 1000)
  const aheadMs = (count.resetTime?.getTime() ?? 0) - Date.now()
  // The wall clock may be set between the two readings: what is promised stays within the window.
  const seconds = Math.min(Math.max(Math.ceil(aheadMs / 1000), 1), windowSeconds)
  if (res.headersSent) return seconds
  addItem(res, 'RateLimit', `"${layer}";r=${count.remaining};t=${seconds}`)
  addItem(res, 'RateLimit-Policy', `"${layer}";q=${limit};w=${windowSeconds}`)
  return seconds
}

/** Both layers, and whoever else limits, stand in one list (RFC 9651 §3.1). */
function addItem(res: Response, name: string, item: string): void {
  const already = res.getHeader(name)
  res.setHeader(name, already === undefined ? item : `${String(already)}, ${item}`)
}
