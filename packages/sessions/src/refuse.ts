import { sendRpcError } from '@mcp-prod/rpc'
import type { Request, Response } from 'express'

/** Why there was no session: what the client reads in `error.data`, and `onLimited` gets. */
export interface SessionsDetails {
  policy: 'sessions'
  /** `principal` when the caller's own sessions are in the way, `process` when those of all are. */
  scope: 'principal' | 'process'
  /** How many there may be. */
  limit: number
  retryAfterSeconds: number
  retryable: true
}

/** Nobody knows when a session ends; this keeps the refused from asking all the time. */
const RETRY_AFTER_SECONDS = 30

/** 429 when the caller has its share: the server works and others are served. 503 when the server has no session left. */
export function refuseSession(
  req: Request,
  res: Response,
  scope: SessionsDetails['scope'],
  limit: number,
): SessionsDetails {
  const retryAfterSeconds = RETRY_AFTER_SECONDS
  const details = {
    policy: 'sessions' as const,
    scope,
    limit,
    retryAfterSeconds,
    retryable: true as const,
  }
  const [status, reason] =
    scope === 'principal'
      ? [429, `Too Many Requests: a caller may have ${limit} sessions; end one by DELETE, or`]
      : [503, 'Service Unavailable: no session is free;']
  res.set('Retry-After', String(RETRY_AFTER_SECONDS))
  const message = `${reason} retry after ${RETRY_AFTER_SECONDS} s`
  sendRpcError(req, res, status, { code: status, message, data: details })
  return details
}

/** Answers with the status as the code, as all layers of HTTP do. */
export function refuse(req: Request, res: Response, status: number, message: string): void {
  sendRpcError(req, res, status, { code: status, message })
}

/** The same for a session of another, one that has ended and one that never was. */
export function refuseUnknown(req: Request, res: Response): void {
  refuse(req, res, 404, 'Not Found: there is no such session; initialize a new one without an id')
}

export function refuseMethod(req: Request, res: Response, allowDelete: boolean): void {
  res.set('Allow', allowDelete ? 'GET, POST, DELETE' : 'GET, POST')
  refuse(req, res, 405, `Method Not Allowed: ${req.method}`)
}

/** 401: a stream ends with its token, so one of an expired token has no time at all. */
export function refuseExpired(req: Request, res: Response): void {
  const challenge = 'Bearer error="invalid_token", error_description="The token has expired"'
  res.set('WWW-Authenticate', challenge)
  refuse(req, res, 401, 'Unauthorized: the token has expired')
}

/** 429: the call stays on the connection that it has. */
export function refuseDetached(req: Request, res: Response): void {
  res.set('Retry-After', '1')
  refuse(req, res, 429, 'Too Many Requests: too many calls have left the connection they came on')
}

/** For a moment, or for good: at the end of a drain. */
export function refuseUnavailable(req: Request, res: Response, why: string): void {
  res.set('Retry-After', '1')
  refuse(req, res, 503, `Service Unavailable: ${why}`)
}
