import { createHash, randomUUID } from 'node:crypto'
import type { McpServer, McpServerFactory, Server } from '@modelcontextprotocol/server'
import type { Owner } from './owner.js'
import type { EndError, SessionTransport, TransportParts } from './transport.js'
import { sessionTransport } from './transport.js'

/** Why a session ended; a closed list, so that it can be a metric's label. */
export type CloseReason =
  /** The client said so. */
  | 'deleted'
  /** It had no request and no open stream for `idleMs`. */
  | 'idle'
  /** It was `maxAgeMs` old. */
  | 'age'
  /** A newer session of the same principal took its place. */
  | 'evicted'
  /** The owner of the server ended it. */
  | 'ended'
  /** It never came to be, or its server closed it. */
  | 'failed'
  | 'shutdown'

/** What may be told of a session. Its id is a secret and is never among it. */
export interface SessionInfo {
  /** Names the session in a log: a piece of its id's hash. */
  ref: string
  /** Undefined for a session bound to nothing. */
  principal: string | undefined
  /** The protocol's revision, once it is agreed upon. */
  protocolVersion: string | undefined
  ageMs: number
  /** POSTs, GETs and DELETEs so far, that of `initialize` included. */
  requests: number
}

export interface Session {
  readonly id: string
  readonly owner: Owner
  readonly transport: SessionTransport
  readonly createdAt: number
  /** Since when it is idle; undefined while a call runs or a stream is open. */
  idleSince: number | undefined
  protocolVersion: string | undefined
  /** Whether `notifications/initialized` came: before it the server says nothing by itself. */
  initialized: boolean
  requests: number
  server: McpServer | Server | undefined
  info(): SessionInfo
}

export type SessionParts = Omit<
  TransportParts,
  'id' | 'session' | 'share' | 'onFinished' | 'onInitialized' | 'onChange'
>

export interface SessionEvents {
  onFinished(session: Session): void
  onChange(session: Session): void
}

const REF_CHARS = 12
const FAILED: EndError = { code: 500, message: 'Internal error: the session could not begin' }

export function createSession(parts: SessionParts, owner: Owner, events: SessionEvents): Session {
  const id = randomUUID()
  const name = createHash('sha256').update(id).digest('hex')
  const createdAt = performance.now()
  const session: Session = {
    id,
    owner,
    createdAt,
    idleSince: undefined,
    protocolVersion: undefined,
    initialized: false,
    requests: 0,
    server: undefined,
    transport: sessionTransport({
      ...parts,
      id,
      session: name,
      share: owner.share,
      onChange: () => events.onChange(session),
      onFinished: () => events.onFinished(session),
      onInitialized(version) {
        session.protocolVersion = version
        // Nobody can go on with a session whose beginning was refused.
        if (version === undefined) session.transport.finish(FAILED)
      },
    }),
    info: () => ({
      ref: name.slice(0, REF_CHARS),
      principal: owner.principal,
      protocolVersion: session.protocolVersion,
      ageMs: Math.round(performance.now() - createdAt),
      requests: session.requests,
    }),
  }
  return session
}

/**
 * Gives the session a server of its own. The factory is told of no token: the session outlives the one it began with, and
 * another, with fewer scopes, may come after it.
 */
export async function connect(session: Session, createServer: McpServerFactory): Promise<void> {
  const server = await createServer({ era: 'legacy' })
  session.server = server
  await server.connect(session.transport)
}
