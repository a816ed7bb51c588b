import { sendRpcError } from '@mcp-prod/rpc'
import type { Request, Response } from 'express'
import { type Counted, type LayerCharge, secondsOf } from './fields.js'
import { closeUnread } from './unread-body.js'

/** What a refusal says to the client, in `error.data`, and to `onLimited`. */
export interface LimitedDetails {
  /** Which limit it was. */
  policy: LayerCharge['layer']
  /** Whose, in the policy `tool`. */
  tool?: string
  /** Units in the quota: requests of an address, weighted calls of a principal, calls of a tool. */
  limit: number
  /** Milliseconds in which the quota is whole again. */
  windowMs: number
  /** Units that the request asks for. */
  asked: number
  /** Units that are left. */
  remaining: number
  /** Whole seconds until the same request would pass; missing when it never would. */
  retryAfterSeconds?: number
  /** Whether the same request can ever pass: false when it asks for more than the whole quota. */
  retryable: boolean
}

/**
 * Answers a refusal and says why: the same as it returns. 429 tells to come again. What asks for more than the whole quota gets
 * 413 without `Retry-After`: of the two it alone has a permanent form (RFC 9110 §15.5.14), and clients that repeat every 429 leave it.
 */
export function refuse(req: Request, res: Response, { charge, reading }: Counted): LimitedDetails {
  const { layer, tool, limit, windowMs, units } = charge
  const retryAfterSeconds = units <= limit ? secondsOf(charge, reading) : undefined
  const details: LimitedDetails = {
    policy: layer,
    ...(tool !== undefined && { tool }),
    limit,
    windowMs,
    asked: units,
    remaining: reading.remaining,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    retryable: retryAfterSeconds !== undefined,
  }
  if (!res.headersSent) {
    if (retryAfterSeconds !== undefined) res.setHeader('Retry-After', String(retryAfterSeconds))
    closeUnread(req, res, 0)
  }
  const status = details.retryable ? 429 : 413
  sendRpcError(req, res, status, { code: status, message: messageOf(details), data: details })
  return details
}

function messageOf(details: LimitedDetails): string {
  const { tool, limit, windowMs, asked, remaining, retryAfterSeconds } = details
  const [what, of] = tool === undefined ? ['units', ''] : ['calls', ` of ${tool}`]
  if (retryAfterSeconds === undefined) {
    return `Content Too Large: this asks for ${asked} ${what}${of}, more than the whole limit of ${limit}; send a smaller batch`
  }
  const state = remaining > 0 ? `has ${remaining} left and this asks for ${asked}` : 'is used up'
  return `Too Many Requests: the limit of ${limit}${of} in ${windowMs / 1000} s ${state}; retry after ${retryAfterSeconds} s`
}
