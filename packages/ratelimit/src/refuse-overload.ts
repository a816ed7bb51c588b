import { rpcIdOf, sendRpcError } from '@mcp-prod/rpc'
import type { Request, Response } from 'express'
import { spreadSeconds } from './retry-after.js'
import { closeUnread } from './unread-body.js'

/** Between one second and this many, before they are spread, by how much is refused. */
const LONGEST_RETRY_SECONDS = 5
/**
 * 503, after so long as `share` of the calls is refused. Straight to the socket, without Express's ETag and content negotiation: a
 * refusal must cost a fraction of a call.
 */
export function refuseOverload(req: Request, res: Response, share: number): void {
  const retryAfterSeconds = spreadSeconds(Math.max(1, Math.round(share * LONGEST_RETRY_SECONDS)))
  const error = {
    code: 503,
    message: `Service Unavailable: the server is overloaded; retry after ${retryAfterSeconds} s`,
    data: { policy: 'overload', scope: 'process', retryAfterSeconds, retryable: true },
  }
  if (res.headersSent) {
    sendRpcError(req, res, 503, error)
    return
  }
  const text = JSON.stringify({ jsonrpc: '2.0', id: rpcIdOf(req), error })
  closeUnread(req, res, 65_536)
  res
    .writeHead(503, {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
      'Retry-After': retryAfterSeconds,
    })
    .end(text)
}
