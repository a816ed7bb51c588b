import { callsOf } from '@mcp-prod/rpc'
import type { Request } from 'express'

/** What has no end of its own: a shutdown ends it and waits for it no longer. */
export function isStream(req: Request): boolean {
  return req.method === 'GET' || callsOf(req)[0]?.method === 'subscriptions/listen'
}
