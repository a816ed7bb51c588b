import type { ServerEventBus } from '@modelcontextprotocol/server'
import type { Request } from 'express'
import type { EventStore } from './event-store.js'
import type { SessionsDetails } from './refuse.js'
import type { CloseReason, SessionInfo } from './session.js'

export interface SessionHandlerOptions {
  /** Whose session it is, and who alone may use it. @default `auth.extra.principal`, else `auth.clientId`, in its `auth.extra.tenant` */
  principalOf?: (req: Request) => string | undefined
  /** Which `initialize` begins a session; what it leaves is served statelessly. @default every one */
  wantsSession?: (req: Request) => boolean
  /** Refuses with 400 what comes without a session from clients of the legacy era. @default false, it is served statelessly */
  requireSession?: boolean
  /** Gives sessions to callers whom nobody has authenticated: whoever knows such an id has the session. @default false */
  dangerouslyAllowAnonymous?: boolean
  /** Whether a client may end its session; otherwise DELETE is 405. @default true */
  allowDelete?: boolean
  /** Most sessions at a time; a further one gets 503. @default 10000 */
  maxSessions?: number
  /** Most of them of one principal; a further one takes the place of an idle one, or gets 429. @default 32, or half of `maxSessions` if that is less */
  maxSessionsPerPrincipal?: number
  /** Milliseconds that a session must have been idle before a newer one of its principal may take its place. @default 60000 */
  evictAfterMs?: number
  /** Milliseconds without a request, a running call and an open stream after which a session ends. @default 1800000 (half an hour) */
  idleMs?: number
  /** Milliseconds after which a session ends in any case; calls in flight get another minute. @default 86400000 (a day) */
  maxAgeMs?: number
  /** Milliseconds until the stream of a GET is ended, or until its token expires if that is sooner. @default 3600000 (an hour) */
  maxStreamMs?: number
  /** Milliseconds between comments that keep an open stream alive through proxies; 0 for none. @default 15000 */
  keepAliveMs?: number
  /** Bytes that may wait for a client that does not read; with more of them its connection is cut. @default 1048576 (1 MiB) */
  maxBufferBytes?: number
  /** Milliseconds that a client has to answer what the server asks of it. @default 300000 (5 minutes) */
  answerTimeoutMs?: number
  /** Keeps messages for clients that lost their connection, such as `memoryEventStore()`. @default none, nothing can be resumed */
  eventStore?: EventStore
  /** Milliseconds after which a client is asked to come back, and up to twice as many, so that not all come at once. @default 1000 */
  retryMs?: number
  /** Milliseconds that a call goes on without a connection for its answer. Without an event store it ends at once. @default 30000 */
  resumeWithinMs?: number
  /** Calls that may go on without the connection they came on, a quarter of them of one principal. @default 64 */
  maxDetachedCalls?: number
  /** Its list-changed events are told to all sessions: that of `toolHandler`. @default none */
  bus?: ServerEventBus
  /** Told of each new session; what it throws, or rejects, is ignored, here and below. @default none */
  onOpened?: (session: SessionInfo) => unknown
  /** Told of each session that ended. @default none */
  onClosed?: (session: SessionInfo, reason: CloseReason) => unknown
  /** Told of each session that was refused because none was free, of this caller (429) or of all (503). @default none */
  onLimited?: (req: Request, layer: 'sessions', details: SessionsDetails) => unknown
  /** Told of failures outside tools and of an event store that failed; changes no answer. @default none */
  onError?: (error: Error) => unknown
}
