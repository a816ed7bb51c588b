import { callsOf } from '@mcp-prod/rpc'
import { classifyInboundRequest, isInitializeRequest } from '@modelcontextprotocol/server'
import type { Request } from 'express'

const VERSION = /^\d{4}-\d{2}-\d{2}$/
const FIRST_MODERN_VERSION = '2026-07-28'

/** Whether the SDK would take the request for one of the era that has sessions. What it refuses is left to it. */
export function isLegacy(req: Request): boolean {
  const version = header(req, 'mcp-protocol-version')
  // To the SDK each GET is legacy, but who names a modern version has no session.
  if (req.method !== 'POST')
    return !(version && VERSION.test(version) && version >= FIRST_MODERN_VERSION)
  const method = header(req, 'mcp-method')
  const name = header(req, 'mcp-name')
  const route = classifyInboundRequest({
    httpMethod: req.method,
    body: req.body,
    ...(version !== undefined && { protocolVersionHeader: version }),
    ...(method !== undefined && { mcpMethodHeader: method }),
    ...(name !== undefined && { mcpNameHeader: name }),
  })
  return route.kind === 'legacy'
}

/** Whether one of the entries asks for a session. One that is malformed does not; it is answered like any other request. */
export function asksForSession(req: Request): boolean {
  if (!callsOf(req).some(({ method }) => method === 'initialize')) return false
  const entries: unknown[] = Array.isArray(req.body) ? req.body : [req.body]
  return entries.some(
    (entry) => isInitializeRequest(entry) && (entry as { id?: unknown }).id !== undefined,
  )
}

export function header(req: Request, name: string): string | undefined {
  const value = req.headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}
