import { callsOf } from '@mcp-prod/rpc'
import type { AuthInfo, McpHttpHandler } from '@modelcontextprotocol/server'
import type { Request, Response } from 'express'
import { callerKey } from './caller-key.js'
import { onGone } from './connection-close.js'
import { listenedUris } from './definitions.js'
import { inform } from './inform.js'
import type { Listening } from './narrow.js'
import { type PlaceLimits, streamPlaces } from './places.js'
import {
  refuseClosing,
  refuseExpired,
  refuseListening,
  refuseStream,
  type StreamsDetails,
} from './refuse-stream.js'
import type { ToolServer } from './server.js'
import { type Stream, stream } from './stream.js'
import type { Watched } from './watched.js'

export interface SubscriptionLimits extends PlaceLimits {
  maxSubscriptionMs: number
  /** 0 for none. */
  maxSubscriptionIdleMs: number
}

export interface SubscriptionHooks {
  principalOf?: ((req: Request) => string | undefined) | undefined
  /** Narrows the resources that it names to those a caller may hear of. @default all */
  narrow?: ToolServer['narrow'] | undefined
  /** Is told which resources the streams wait for. @default nobody */
  watched?: Watched | undefined
  onRefused: (error: Error) => void
  onOpened?: ((req: Request) => unknown) | undefined
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
  { principalOf, narrow, watched, onRefused, onOpened, onLimited }: SubscriptionHooks,
) {
  const { maxSubscriptions, maxSubscriptionsPerPrincipal } = limits
  const { maxSubscriptionMs, maxSubscriptionIdleMs: idleMs } = limits
  const keyOf = callerKey(principalOf)
  const streams = new Set<Stream>()
  /** Of streams that are not open yet. */
  const looking = new Set<AbortController>()
  const places = streamPlaces(limits)
  let closed = false

  function refuse(req: Request, res: Response, scope: StreamsDetails['scope']): void {
    const limit = scope === 'principal' ? maxSubscriptionsPerPrincipal : maxSubscriptions
    onRefused(new Error(`subscriptions/listen refused: ${scope} has its ${limit} streams`))
    const details = refuseStream(req, res, scope, limit)
    if (onLimited) inform(() => onLimited(req, details))
  }

  function refuseOld(req: Request, res: Response): void {
    onRefused(new Error('subscriptions/listen refused: the token has expired'))
    refuseExpired(req, res)
  }

  const lifeOf = (req: Request) => Math.min(maxSubscriptionMs, leftOf(req))

  async function listeningOf(req: Request, res: Response): Promise<Listening | 'gone' | undefined> {
    const [call] = callsOf(req)
    const { auth } = req as { auth?: AuthInfo }
    if (!narrow || !call || listenedUris(call.params).length === 0) return undefined
    const look = new AbortController()
    const forget = onGone(req, res, () => look.abort())
    looking.add(look)
    try {
      const listening = await narrow(call, auth, look.signal)
      if (look.signal.aborted) return 'gone'
      if ('refused' in listening)
        onRefused(new Error(`subscriptions/listen refused: ${listening.refused}`))
      return listening
    } finally {
      looking.delete(look)
      forget()
    }
  }

  async function serveInPlace(req: Request, res: Response): Promise<void> {
    const listening = await listeningOf(req, res)
    if (closed) return refuseClosing(req, res)
    if (listening === 'gone') return
    if (listening && 'refused' in listening) return refuseListening(req, res, listening)
    const lifeMs = lifeOf(req)
    if (!(lifeMs > 0)) return refuseOld(req, res)
    const opened = stream(open(), { lifeMs, idleMs }, () => {
      if (onOpened) inform(() => onOpened(req))
    })
    const release = watched?.add(listening?.uris ?? [])
    streams.add(opened)
    try {
      await opened.serve(req, res, bodyOf(req, listening?.uris))
    } finally {
      release?.()
      streams.delete(opened)
    }
  }

  return {
    async serve(req: Request, res: Response): Promise<void> {
      if (!(lifeOf(req) > 0)) return refuseOld(req, res)
      const key = keyOf(req)
      const missing = places.missing(key)
      if (missing) return refuse(req, res, missing)
      // Before it is asked what the caller may hear: who has no place left must not make work.
      await places.within(key, () => serveInPlace(req, res))
    },
    /** Ends every stream in the protocol's way. */
    async close(): Promise<void> {
      closed = true
      for (const look of looking) look.abort()
      await Promise.all([...streams].map(({ end }) => end()))
    },
    /** How many streams are open or about to be. */
    get size() {
      return places.size
    },
  }
}

/** The request with the resources that are left of it. */
function bodyOf(req: Request, uris: readonly string[] | undefined): unknown {
  if (!uris) return req.body
  const { params, ...message } = req.body
  const notifications = { ...params.notifications, resourceSubscriptions: uris }
  return { ...message, params: { ...params, notifications } }
}

/** Milliseconds until the token expires; not a number when `expiresAt` is none, which opens nothing. */
function leftOf(req: Request): number {
  const { auth } = req as { auth?: AuthInfo }
  const expiresAt = auth?.expiresAt ?? Number.POSITIVE_INFINITY
  return expiresAt * 1000 - Date.now()
}
