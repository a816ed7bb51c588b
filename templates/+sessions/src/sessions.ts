import { memoryEventStore, sessionHandler } from '@mcp-prod/sessions'
import type { ToolServer } from '@mcp-prod/tools'
import type { Request } from 'express'
import type { Config } from './config.js'
import type { Telemetry } from './telemetry.js'

export interface SessionParts {
  config: Config
  telemetry: Telemetry
  onLimited: (req: Request, layer: string) => void
  onError: (error: Error) => void
}

/**
 * Sessions for clients of 2025-11-25 and older that ask for one; 2026-07-28 has none. They live in this process: what stands in
 * front must send all requests with an `Mcp-Session-Id` to the replica that gave it.
 */
export function createSessions(server: ToolServer, parts: SessionParts) {
  const { config, telemetry, onLimited, onError } = parts
  const { logger, metrics } = telemetry
  const sessions = sessionHandler(server, {
    maxSessions: config.MAX_SESSIONS,
    maxSessionsPerPrincipal: config.MAX_SESSIONS_PER_PRINCIPAL,
    idleMs: config.SESSION_IDLE,
    // So long a stream may outlive the revocation of what it was opened with; clients open it again.
    maxStreamMs: 600_000,
    // A call that asks its client something has no more time than any other, and holds its place no longer.
    answerTimeoutMs: config.REQUEST_TIMEOUT,
    // A session cannot move, so neither need its events.
    eventStore: memoryEventStore({ maxBytes: 16 * 1024 * 1024 }),
    onOpened: ({ ref, principal, protocolVersion }) =>
      logger.debug('session opened', { session: ref, principal, protocolVersion }),
    onClosed: ({ ref, principal, ageMs, requests }, reason) =>
      logger.debug('session closed', { session: ref, principal, reason, ageMs, requests }),
    onLimited,
    onError,
  })
  metrics.observeSessions(sessions.state, { limit: config.MAX_SESSIONS })
  return sessions
}
