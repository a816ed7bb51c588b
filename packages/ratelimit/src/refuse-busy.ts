import { sendRpcError } from '@mcp-prod/rpc'
import type { Request, Response } from 'express'
import { spreadSeconds } from './retry-after.js'
import type { Bound, Claim } from './slots.js'

/** What a refusal says to the client, in `error.data`, and to `onLimited`. */
export interface BusyDetails extends Bound {
  policy: 'concurrency'
  /** Calls that the request asks for, of the tool if it is the tool's cap. */
  asked: number
  /** Whole seconds to wait; missing when waiting is no use. */
  retryAfterSeconds?: number
  /** Whether the same request can ever pass: false when it asks for more than the whole cap. */
  retryable: boolean
}

/** That of a kind and of a name; a longer one is not repeated to its sender. */
const LONGEST_NAME = 137

/**
 * Refuses what found no slot. 429 when the caller's own calls are in the way (RFC 6585 §4): the server works, other callers
 * are served, and neither a balancer nor an alert should take it for broken. 503 when the process or a tool is full, which
 * is the server's state (RFC 9110 §15.6.4).
 */
export function refuseBusy(
  req: Request,
  res: Response,
  claim: Claim,
  bound: Bound,
  waitSeconds: number,
): BusyDetails {
  const [status, title] =
    bound.scope === 'principal' ? [429, 'Too Many Requests'] : [503, 'Service Unavailable']
  const retryAfterSeconds = spreadSeconds(waitSeconds)
  const details = { ...detailsOf(claim, bound), retryAfterSeconds, retryable: true }
  if (!res.headersSent) res.setHeader('Retry-After', String(retryAfterSeconds))
  const message = `${title}: ${reasonOf(details)}; retry after ${retryAfterSeconds} s`
  sendRpcError(req, res, status, { code: status, message, data: details })
  return details
}

/** 413 without `Retry-After` (RFC 9110 §15.5.14): such a batch never fits, so to send it again is no use. */
export function refuseTooLarge(
  req: Request,
  res: Response,
  claim: Claim,
  bound: Bound,
): BusyDetails {
  const details = { ...detailsOf(claim, bound), retryable: false }
  const { asked, limit } = details
  const message = `Content Too Large: this batch asks for ${asked} calls at once${ofTool(details)}, of which ${limit} may run; send a smaller batch`
  sendRpcError(req, res, 413, { code: 413, message, data: details })
  return details
}

function detailsOf({ tools, calls }: Claim, { scope, tool, limit }: Bound) {
  const named = tool !== undefined && tool.length <= LONGEST_NAME
  const asked = (tool === undefined ? undefined : tools.get(tool)?.calls) ?? calls
  const capped = limit !== undefined && { limit }
  return { policy: 'concurrency' as const, scope, ...(named && { tool }), ...capped, asked }
}

function reasonOf(bound: Bound): string {
  const { scope, limit } = bound
  if (limit === undefined) {
    return scope === 'principal' ? 'the server is busy with calls of yours' : 'the server is busy'
  }
  if (scope === 'principal') return `of yours ${limit} may run at once, and they do`
  return `of all calls${ofTool(bound)} ${limit} may run at once, and they do`
}

function ofTool({ tool }: Bound): string {
  return tool === undefined ? '' : ` of ${tool}`
}
