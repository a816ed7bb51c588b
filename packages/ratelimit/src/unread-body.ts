import type { Request, Response } from 'express'
import { fault } from './options.js'

/**
 * A body that is parsed later could hold a hundred calls and would count as none.
 * @throws TypeError `ERR_RATELIMIT_UNREAD_BODY`
 */
export function refuseUnreadBody(req: Request, limiter: string): void {
  if (req.method !== 'POST' || req.body !== undefined || lengthOf(req) === 0) return
  throw fault(
    'ERR_RATELIMIT_UNREAD_BODY',
    `the body of a POST is unread; mount ${limiter} after jsonBody`,
  )
}

/**
 * Node would read what is left of a body to its end to keep the connection, however long the client makes it. A new connection
 * costs more than a short body.
 */
export function closeUnread(req: Request, res: Response, readBytes: number): void {
  if (!req.complete && lengthOf(req) > readBytes) res.setHeader('Connection', 'close')
}

function lengthOf(req: Request): number {
  const { 'transfer-encoding': encoding, 'content-length': length = '0' } = req.headers
  return encoding === undefined ? Number(length) : Number.POSITIVE_INFINITY
}
