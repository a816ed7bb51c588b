import type { Request } from 'express'

/** Express matches paths in any case and with a slash at the end, so this does too. */
export function isMcpRoute(req: Request): boolean {
  const path = req.originalUrl.split('?', 1)[0] ?? ''
  return /^\/mcp\/?$/i.test(path)
}
