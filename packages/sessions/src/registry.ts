import { AsyncResource } from 'node:async_hooks'
import type { Owner } from './owner.js'
import {
  type CloseReason,
  createSession,
  type Session,
  type SessionInfo,
  type SessionParts,
} from './session.js'
import { tell } from './tell.js'
import type { EndError } from './transport.js'

export interface RegistryLimits {
  maxSessions: number
  maxSessionsPerPrincipal: number
  evictAfterMs: number
  idleMs: number
  maxAgeMs: number
}

export interface RegistryHooks {
  onOpened?: ((session: SessionInfo) => unknown) | undefined
  onClosed?: ((session: SessionInfo, reason: CloseReason) => unknown) | undefined
}

export type Registry = ReturnType<typeof createRegistry>

/** A call in flight may outlive the age of its session by so much. */
const LAST_CALLS_MS = 60_000
/** So many sessions end in one go at most, so that others are served in between. */
const MOST_AT_ONCE = 200
/** What a timer of Node can count. */
const LONGEST_MS = 2 ** 31 - 1
const SHUTDOWN: EndError = {
  code: 503,
  message: 'Service Unavailable: the server is shutting down',
}
const ENDED: EndError = { code: 404, message: 'Not Found: the session has ended' }
const REASONS = ['deleted', 'idle', 'age', 'evicted', 'ended', 'failed', 'shutdown'] as const

/** All sessions of this process: who has which, how many there may be, and when they end. */
export function createRegistry(parts: SessionParts, limits: RegistryLimits, hooks: RegistryHooks) {
  const { maxSessions, maxSessionsPerPrincipal, evictAfterMs, idleMs, maxAgeMs } = limits
  // In the order of their beginning. A key has id and owner: who is not the owner asks for something that does not exist.
  const sessions = new Map<string, Session>()
  /** In the order in which they became idle. */
  const idle = new Set<Session>()
  const shares = new Map<string, Set<Session>>()
  const reasons = new Map<Session, CloseReason>()
  const closedBy = Object.fromEntries(REASONS.map((reason) => [reason, 0])) as Record<
    CloseReason,
    number
  >
  let created = 0
  let timer: NodeJS.Timeout | undefined
  let timerAt = 0
  // In the context of nobody's request: what a timer started there would tell of that one.
  const startTimer = AsyncResource.bind((dueMs: number) => setTimeout(sweep, dueMs).unref())

  const keyOf = (id: string, { bond }: Owner) => `${id} ${bond}`

  function onChange(session: Session): void {
    const { transport } = session
    idle.delete(session)
    const busy = transport.calls > 0 || transport.channels.standalone.output !== undefined
    session.idleSince = busy ? undefined : performance.now()
    if (session.idleSince === undefined || !sessions.has(keyOf(session.id, session.owner))) return
    idle.add(session)
    wakeAt(session.idleSince + idleMs)
  }

  function onFinished(session: Session): void {
    const { id, owner } = session
    if (!sessions.delete(keyOf(id, owner))) return
    idle.delete(session)
    const mine = shares.get(owner.share)
    mine?.delete(session)
    if (mine?.size === 0) shares.delete(owner.share)
    const reason = reasons.get(session) ?? 'failed'
    reasons.delete(session)
    closedBy[reason]++
    if (hooks.onClosed) tell(() => hooks.onClosed?.(session.info(), reason))
  }

  function close(session: Session, reason: CloseReason): void {
    if (!reasons.has(session)) reasons.set(session, reason)
    session.transport.finish(reason === 'shutdown' ? SHUTDOWN : ENDED)
  }

  /** Looks again at that time at the latest. */
  function wakeAt(at: number): void {
    if (timer && timerAt <= at) return
    clearTimeout(timer)
    timerAt = at
    // A session in its last calls is looked at again and again, though not all the time.
    timer = startTimer(Math.min(Math.max(at - performance.now(), 20), LONGEST_MS))
  }

  function sweep(): void {
    timer = undefined
    const now = performance.now()
    let left = MOST_AT_ONCE
    for (const session of idle) {
      if (now - (session.idleSince ?? now) < idleMs || left-- <= 0) break
      close(session, 'idle')
    }
    for (const session of sessions.values()) {
      const over = now - session.createdAt - maxAgeMs
      if (over < 0 || left-- <= 0) break
      if (session.transport.calls === 0 || over > LAST_CALLS_MS) close(session, 'age')
    }
    const [oldest] = sessions.values()
    const [longest] = idle
    if (oldest) wakeAt(oldest.createdAt + maxAgeMs)
    if (longest?.idleSince !== undefined) wakeAt(longest.idleSince + idleMs)
  }

  /** Whether there is room for one more of this owner; the one idle for longest gives way. */
  function hasRoom(mine: ReadonlySet<Session>): boolean {
    if (mine.size < maxSessionsPerPrincipal) return true
    let oldest: Session | undefined
    for (const session of mine) {
      const since = session.idleSince ?? Number.POSITIVE_INFINITY
      if (since < (oldest?.idleSince ?? Number.POSITIVE_INFINITY)) oldest = session
    }
    if (!oldest || performance.now() - (oldest.idleSince ?? 0) < evictAfterMs) return false
    close(oldest, 'evicted')
    return true
  }

  return {
    closedBy,
    get size() {
      return { sessions: sessions.size, principals: shares.size, created }
    },
    all: () => sessions.values(),
    /** A new session, or whose sessions are in the way. */
    open(owner: Owner): Session | 'principal' | 'process' {
      if (!hasRoom(shares.get(owner.share) ?? new Set())) return 'principal'
      if (sessions.size >= maxSessions) return 'process'
      const session = createSession(parts, owner, { onChange, onFinished })
      sessions.set(keyOf(session.id, owner), session)
      const mine = shares.get(owner.share) ?? new Set()
      shares.set(owner.share, mine.add(session))
      created++
      wakeAt(session.createdAt + maxAgeMs)
      return session
    },
    find: (id: string, owner: Owner) => sessions.get(keyOf(id, owner)),
    touch(session: Session): void {
      session.requests++
      onChange(session)
    },
    close,
  }
}
