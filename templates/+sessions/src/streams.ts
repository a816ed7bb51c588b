import { callsOf } from '@mcp-prod/rpc'
import { isSessionStream } from '@mcp-prod/sessions'
import type { Request, Response } from 'express'

/** What has no end of its own: a shutdown ends it and waits for it no longer. */
export function isStream(req: Request, res: Response): boolean {
  // Of a session: another GET may fetch the rest of a call, which is waited for.
  if (req.method === 'GET' && req.originalUrl.startsWith('/mcp')) return isSessionStream(req, res)
  return req.method === 'GET' || callsOf(req)[0]?.method === 'subscriptions/listen'
}
