import { callsOf, sendRpcError } from '@mcp-prod/rpc'
import type { AuthInfo, McpHttpHandler } from '@modelcontextprotocol/server'
import type { Request, Response } from 'express'
import { type Stream, stream } from './stream.js'

export interface SubscriptionLimits {
  maxSubscriptions: number
  maxSubscriptionsPerPrincipal: number
  maxSubscriptionMs: number
}

/** Nobody knows when a stream ends; this keeps the refused from asking all the time. */
const RETRY_AFTER_SECONDS = 30

/** Whether a request opens a stream of changes. A batch cannot: it is of the legacy era, which has none. */
export function isListen(req: Request): boolean {
  return !Array.isArray(req.body) && callsOf(req)[0]?.method === 'subscriptions/listen'
}

/**
 * `subscriptions/listen` (2026-07-28) within limits: so many streams in all and for each principal, and none that outlives
 * its token or `maxSubscriptionMs`. What is too much is refused before the SDK hears of it.
 *
 * @param open makes a handler of the SDK for one stream: closing it is how the SDK ends a stream in the protocol's way.
 */
export function subscriptions(
  open: () => McpHttpHandler,
  limits: SubscriptionLimits,
  onRefused: (error: Error) => void,
  onLimited?: (req: Request) => unknown,
) {
  const { maxSubscriptions, maxSubscriptionsPerPrincipal, maxSubscriptionMs } = limits
  const streams = new Set<Stream>()
  const counts = new Map<string, number>()

  function count(key: string, change: 1 | -1): void {
    const left = (counts.get(key) ?? 0) + change
    if (left > 0) counts.set(key, left)
    else counts.delete(key)
  }

  function refuse(req: Request, res: Response, status: 401 | 429 | 503, reason: string): void {
    onRefused(new Error(`subscriptions/listen refused: ${reason}`))
    if (status === 401) {
      const challenge = 'Bearer error="invalid_token", error_description="The token has expired"'
      res.set('WWW-Authenticate', challenge)
    } else {
      res.set('Retry-After', String(RETRY_AFTER_SECONDS))
      if (onLimited) tell(onLimited, req)
    }
    sendRpcError(req, res, status, { code: status, message: `${TITLES[status]}: ${reason}` })
  }

  return {
    async serve(req: Request, res: Response): Promise<void> {
      const { auth } = req as { auth?: AuthInfo }
      const lifeMs = Math.min(maxSubscriptionMs, leftOf(auth))
      if (!(lifeMs > 0)) return refuse(req, res, 401, 'the token has expired')
      const key = keyOf(auth)
      if ((counts.get(key) ?? 0) >= maxSubscriptionsPerPrincipal) {
        const most = `a caller may have ${maxSubscriptionsPerPrincipal} streams open`
        return refuse(req, res, 429, `${most}; close one, or retry after ${RETRY_AFTER_SECONDS} s`)
      }
      if (streams.size >= maxSubscriptions) {
        return refuse(req, res, 503, `no stream is free; retry after ${RETRY_AFTER_SECONDS} s`)
      }
      const opened = stream(open(), lifeMs)
      streams.add(opened)
      count(key, 1)
      try {
        await opened.serve(req, res)
      } finally {
        streams.delete(opened)
        count(key, -1)
      }
    },
    /** Ends every stream in the protocol's way. */
    async close(): Promise<void> {
      await Promise.all([...streams].map(({ end }) => end()))
    },
    /** How many streams are open, and of how many callers: what must be none when all have gone. */
    get size() {
      return { streams: streams.size, callers: counts.size }
    },
  }
}

/** Who only watches must not decide how a request ends, neither at once nor later. */
function tell(listener: (req: Request) => unknown, req: Request): void {
  try {
    Promise.resolve(listener(req)).catch(() => {})
  } catch {}
}

const TITLES = { 401: 'Unauthorized', 429: 'Too Many Requests', 503: 'Service Unavailable' }

/** Milliseconds until the token expires; not a number when `expiresAt` is none, which opens nothing. */
function leftOf(auth: AuthInfo | undefined): number {
  const expiresAt = auth?.expiresAt ?? Number.POSITIVE_INFINITY
  return expiresAt * 1000 - Date.now()
}

/** The kinds of id never meet: a client may be named like a principal. */
function keyOf(auth: AuthInfo | undefined): string {
  const principal = auth?.extra?.principal
  if (typeof principal === 'string' && principal !== '') return `principal ${principal}`
  return typeof auth?.clientId === 'string' ? `client ${auth.clientId}` : 'anonymous'
}
