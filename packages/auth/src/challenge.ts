import { type RpcError, sendRpcError } from '@mcp-prod/rpc'
import type { Request, Response } from 'express'
import type { AuthUnavailableError } from './errors.js'
import { isScopeToken } from './options.js'

/** RFC 6750 §3.1. */
export type ChallengeError = 'invalid_request' | 'invalid_token' | 'insufficient_scope'

/** Most characters of all scopes in a challenge: proxies refuse answers whose headers are too large. */
const MAX_SCOPE_LENGTH = 4096

export interface Challenge {
  realm: string
  /** Left out where no bearer token was sent. */
  error?: ChallengeError
  scopes?: Iterable<string>
  /** RFC 9728 §5.1. */
  resourceMetadataUrl?: string
}

/** The value of `WWW-Authenticate`: RFC 6750 §3, every parameter a quoted string (RFC 9110 §5.6.4). */
export function bearerChallenge({
  realm,
  error,
  scopes = [],
  resourceMetadataUrl,
}: Challenge): string {
  // What is no scope token could not be asked for, and could split the header or make it unsendable.
  const scope = [...scopes].filter(isScopeToken).join(' ')
  const parameters = [`realm=${quote(realm)}`]
  if (error) parameters.push(`error=${quote(error)}`)
  if (scope && scope.length <= MAX_SCOPE_LENGTH) parameters.push(`scope=${quote(scope)}`)
  if (resourceMetadataUrl) parameters.push(`resource_metadata=${quote(resourceMetadataUrl)}`)
  return `Bearer ${parameters.join(', ')}`
}

/** Answers 401 or 403: challenge, JSON-RPC body, nothing cached, and no more of the request's body read. */
export function refuse(
  req: Request,
  res: Response,
  status: 401 | 403,
  challenge: string,
  error: Omit<RpcError, 'code'>,
): void {
  closeOverUnreadBody(req, res)
  if (!res.headersSent) res.set({ 'WWW-Authenticate': challenge, 'Cache-Control': 'no-store' })
  sendRpcError(req, res, status, { code: status, ...error })
}

/** Answers 503: without a challenge, or clients would throw a good token away. */
export function refuseForNow(
  req: Request,
  res: Response,
  { retryAfterSeconds }: AuthUnavailableError,
): void {
  closeOverUnreadBody(req, res)
  if (!res.headersSent)
    res.set({ 'Retry-After': String(retryAfterSeconds), 'Cache-Control': 'no-store' })
  const message = 'Service Unavailable: the token cannot be verified just now; try again later'
  sendRpcError(req, res, 503, { code: 503, message, data: { retryAfterSeconds } })
}

/**
 * After an answer Node reads on to the end of the body, to use the connection again: a stranger could send for
 * minutes. Closing the connection ends that.
 */
export function closeOverUnreadBody(req: Request, res: Response): void {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = req.headers
  const hasBody = encoding !== undefined || Number(length) > 0
  if (hasBody && !req.complete && !res.headersSent) res.set('Connection', 'close')
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}
