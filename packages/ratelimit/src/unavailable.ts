import { sendRpcError } from '@mcp-prod/rpc'
import type { NextFunction, Request, Response } from 'express'
import { closeUnread } from './unread-body.js'

/**
 * Ends a request whose meters failed. 503 when they say that their store is away, without a word of what they say about it;
 * whatever else it is goes on to the error handler: nothing passes unlimited.
 */
export function failed(req: Request, res: Response, next: NextFunction, error: unknown): void {
  const { code, retryAfterSeconds: told } = (error ?? {}) as Record<string, unknown>
  if (code !== 'ERR_LIMITS_UNAVAILABLE') {
    next(error)
    return
  }
  const retryAfterSeconds = Math.min(Math.max(Math.ceil(Number(told)) || 1, 1), 3600)
  if (!res.headersSent) {
    res.setHeader('Retry-After', String(retryAfterSeconds))
    closeUnread(req, res, 0)
  }
  sendRpcError(req, res, 503, {
    code: 503,
    message: `Service Unavailable: limits cannot be checked; retry after ${retryAfterSeconds} s`,
    data: { policy: 'limits', retryAfterSeconds, retryable: true },
  })
}
