import type { McpServerFactory } from '@modelcontextprotocol/server'
import type { Request, Response } from 'express'
import { header } from './era.js'
import { type GetParts, serveGet } from './get.js'
import type { Owner } from './owner.js'
import { acceptsStream, isInitialize, messagesOf, refuseUnacceptable, servePost } from './post.js'
import { refuse, refuseSession, refuseUnavailable, type SessionsDetails } from './refuse.js'
import type { Registry } from './registry.js'
import { connect, type Session } from './session.js'
import type { SessionHandlerOptions } from './session-options.js'
import { tell } from './tell.js'

export interface ServiceParts extends Pick<SessionHandlerOptions, 'onOpened' | 'onLimited'> {
  createServer: McpServerFactory
  registry: Registry
  get: GetParts
  isClosed: () => boolean
  maxSessions: number
  maxSessionsPerPrincipal: number
}

/** How requests are served that begin a session, or have one. */
export function sessionService(parts: ServiceParts) {
  const { createServer, registry, get, isClosed, onOpened, onLimited } = parts

  function refuseFull(scope: SessionsDetails['scope'], req: Request, res: Response): void {
    const limit = scope === 'principal' ? parts.maxSessionsPerPrincipal : parts.maxSessions
    const details = refuseSession(req, res, scope, limit)
    if (onLimited) tell(() => onLimited(req, 'sessions', details))
  }

  async function begin(owner: Owner, req: Request, res: Response): Promise<void> {
    const messages = messagesOf(req, res)
    if (!messages) return
    if (messages.length > 1) return refuse(req, res, 400, 'Bad Request: initialize must come alone')
    // A session that nobody learns of would take the place of one in use.
    if (!acceptsStream(req)) return refuseUnacceptable(req, res)
    const session = registry.open(owner)
    if (typeof session === 'string') return refuseFull(session, req, res)
    try {
      await connect(session, createServer)
    } catch (error) {
      registry.close(session, 'failed')
      throw error
    }
    registry.touch(session)
    if (isClosed()) registry.close(session, 'shutdown')
    if (registry.find(session.id, owner) !== session)
      return refuseUnavailable(req, res, 'the session ended before it began')
    if (onOpened) tell(() => onOpened(session.info()))
    servePost(session, messages, req, res, get.limits)
  }

  async function use(session: Session, req: Request, res: Response): Promise<void> {
    const version = header(req, 'mcp-protocol-version')
    if (version !== undefined && !session.transport.versions.includes(version))
      return refuse(req, res, 400, 'Bad Request: the protocol version is not supported')
    registry.touch(session)
    if (req.method === 'GET') return serveGet(session, req, res, get)
    if (req.method === 'DELETE') {
      registry.close(session, 'deleted')
      res.status(204).end()
      return
    }
    const messages = messagesOf(req, res)
    if (!messages) return
    if (messages.some(isInitialize))
      return refuse(req, res, 400, 'Bad Request: the session is initialized already')
    servePost(session, messages, req, res, get.limits)
  }

  return { begin, use }
}
