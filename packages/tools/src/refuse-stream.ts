import { sendRpcError } from '@mcp-prod/rpc'
import type { Request, Response } from 'express'
import type { Listening } from './narrow.js'

/** Why no stream was free: what the client reads in `error.data`, and `onLimited` gets. */
export interface StreamsDetails {
  policy: 'streams'
  /** `principal` when the caller's own streams are in the way, `process` when those of all are. */
  scope: 'principal' | 'process'
  /** How many there may be. */
  limit: number
  retryAfterSeconds: number
  retryable: true
}

/** Nobody knows when a stream ends; this keeps the refused from asking all the time. */
const RETRY_AFTER_SECONDS = 30

/** 429 when the caller has its share: the server works and others are served. 503 when the server has no stream left. */
export function refuseStream(
  req: Request,
  res: Response,
  scope: StreamsDetails['scope'],
  limit: number,
): StreamsDetails {
  const details = {
    policy: 'streams' as const,
    scope,
    limit,
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    retryable: true as const,
  }
  const [status, reason] =
    scope === 'principal'
      ? [429, `Too Many Requests: a caller may have ${limit} streams open; close one, or`]
      : [503, 'Service Unavailable: no stream is free;']
  res.set('Retry-After', String(RETRY_AFTER_SECONDS))
  const message = `${reason} retry after ${RETRY_AFTER_SECONDS} s`
  sendRpcError(req, res, status, { code: status, message, data: details })
  return details
}

/** 401: a stream ends with its token, so one of an expired token has no time at all. */
export function refuseExpired(req: Request, res: Response): void {
  const challenge = 'Bearer error="invalid_token", error_description="The token has expired"'
  res.set('WWW-Authenticate', challenge)
  sendRpcError(req, res, 401, { code: 401, message: 'Unauthorized: the token has expired' })
}

/** 503 to whatever comes, or has not begun, when the server closes. */
export function refuseClosing(req: Request, res: Response): void {
  res.set({ 'Retry-After': '1', Connection: 'close' })
  sendRpcError(req, res, 503, { code: 503, message: 'The server is shutting down' })
}

/** 403 with the scopes to ask for, as for a read; or what is wrong with the parameters. */
export function refuseListening(
  req: Request,
  res: Response,
  refusal: Exclude<Listening, { uris: readonly string[] }>,
): void {
  if (refusal.refused === 'scopes') {
    const { requiredScopes } = refusal
    const message = 'Forbidden: a scope is missing'
    sendRpcError(req, res, 403, { code: 403, message, data: { requiredScopes } })
    return
  }
  const message = `Invalid params: at most ${refusal.limit} resources may be listened to`
  sendRpcError(req, res, 400, { code: -32602, message })
}
