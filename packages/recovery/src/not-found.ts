import { sendRpcError } from '@mcp-prod/rpc'
import type { Request, RequestHandler } from 'express'
import { isMcpRoute } from './mcp-route.js'
import { requireFunction } from './options.js'

export interface NotFoundOptions {
  /** Which requests are answered in JSON-RPC. @default those to `/mcp` */
  isRpc?: (req: Request) => boolean
}

/**
 * Answers what no route took: 404 in JSON or JSON-RPC, in place of Express's HTML page.
 *
 * @throws TypeError `ERR_RECOVERY_OPTION` at creation when `isRpc` is no function.
 */
export function notFound(options: NotFoundOptions = {}): RequestHandler {
  const { isRpc = isMcpRoute } = options
  requireFunction('isRpc', isRpc)

  return function notFoundMiddleware(req, res) {
    // Nobody will read it, so its sender must not go on.
    if (!req.complete && hasBody(req)) res.set('Connection', 'close')
    if (isRpc(req)) sendRpcError(req, res, 404, { code: 404, message: 'Not Found' })
    else res.status(404).json({ error: 'not_found' })
  }
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0
}
