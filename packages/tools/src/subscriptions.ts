import { callsOf } from '@mcp-prod/rpc'
import type { AuthInfo, McpHttpHandler } from '@modelcontextprotocol/server'
import type { Request, Response } from 'express'
import { callerKey } from './caller-key.js'
import { refuseExpired, refuseStream, type StreamsDetails } from './refuse-stream.js'
import { type Stream, stream } from './stream.js'

export interface SubscriptionLimits {
  maxSubscriptions: number
  maxSubscriptionsPerPrincipal: number
  maxSubscriptionMs: number
  /** 0 for none. */
  maxSubscriptionIdleMs: number
}

export interface SubscriptionHooks {
  principalOf?: ((req: Request) => string | undefined) | undefined
  onRefused: (error: Error) => void
  onLimited?: ((req: Request, details: StreamsDetails) => unknown) | undefined
}

/** Whether a request opens a stream of changes. A batch cannot: it is of the legacy era, which has none. */
export function isListen(req: Request): boolean {
  return !Array.isArray(req.body) && callsOf(req)[0]?.method === 'subscriptions/listen'
}

/**
 * `subscriptions/listen` (2026-07-28) within limits: so many streams in all and for each principal, and none that outlives
 * its token or `maxSubscriptionMs`, or says nothing for `maxSubscriptionIdleMs`. What is too much is refused before the SDK
 * hears of it.
 *
 * @param open makes a handler of the SDK for one stream: closing it is how the SDK ends a stream in the protocol's way.
 */
export function subscriptions(
  open: () => McpHttpHandler,
  limits: SubscriptionLimits,
  { principalOf, onRefused, onLimited }: SubscriptionHooks,
) {
  const { maxSubscriptions, maxSubscriptionsPerPrincipal } = limits
  const { maxSubscriptionMs, maxSubscriptionIdleMs: idleMs } = limits
  const keyOf = callerKey(principalOf)
  const streams = new Set<Stream>()
  const counts = new Map<string, number>()

  function count(key: string, change: 1 | -1): void {
    const left = (counts.get(key) ?? 0) + change
    if (left > 0) counts.set(key, left)
    else counts.delete(key)
  }

  function refuse(req: Request, res: Response, scope: StreamsDetails['scope']): void {
    const limit = scope === 'principal' ? maxSubscriptionsPerPrincipal : maxSubscriptions
    onRefused(new Error(`subscriptions/listen refused: ${scope} has its ${limit} streams`))
    const details = refuseStream(req, res, scope, limit)
    if (onLimited) tell(() => onLimited(req, details))
  }

  return {
    async serve(req: Request, res: Response): Promise<void> {
      const lifeMs = Math.min(maxSubscriptionMs, leftOf(req))
      if (!(lifeMs > 0)) {
        onRefused(new Error('subscriptions/listen refused: the token has expired'))
        return refuseExpired(req, res)
      }
      const key = keyOf(req)
      if ((counts.get(key) ?? 0) >= maxSubscriptionsPerPrincipal)
        return refuse(req, res, 'principal')
      if (streams.size >= maxSubscriptions) return refuse(req, res, 'process')
      const opened = stream(open(), { lifeMs, idleMs })
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
function tell(listener: () => unknown): void {
  try {
    Promise.resolve(listener()).catch(() => {})
  } catch {}
}

/** Milliseconds until the token expires; not a number when `expiresAt` is none, which opens nothing. */
function leftOf(req: Request): number {
  const { auth } = req as { auth?: AuthInfo }
  const expiresAt = auth?.expiresAt ?? Number.POSITIVE_INFINITY
  return expiresAt * 1000 - Date.now()
}
