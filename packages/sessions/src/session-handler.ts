import { jsonBody } from '@mcp-prod/rpc'
import type { McpServerFactory } from '@modelcontextprotocol/server'
import type { NextFunction, Request, RequestHandler, Response } from 'express'
import { announce } from './announce.js'
import { detachedCalls } from './detached.js'
import { asksForSession, header, isLegacy } from './era.js'
import { requiredFunction } from './options.js'
import { ownerOf } from './owner.js'
import { recorder } from './recorder.js'
import { refuse, refuseMethod, refuseUnavailable, refuseUnknown } from './refuse.js'
import { createRegistry } from './registry.js'
import { sessionService } from './service.js'
import type { SessionHandlerOptions } from './session-options.js'
import { settingsOf } from './settings.js'
import { type SessionsState, stateOf } from './state.js'

export interface SessionHandler {
  /** Serves what begins or has a session, and hands everything else to the next handler. */
  middleware: RequestHandler
  state(): SessionsState
  /** Ends all sessions of a principal, such as when its access was revoked; says how many there were. */
  end(principal: string): number
  /** Ends all sessions and begins no more: for the end of a drain. */
  close(): Promise<void>
}

const standalone = new WeakSet<object>()

/** Whether an answer is a session's stream, which has no end of its own: for `createShutdown({ isStream })`. */
export function isSessionStream(_req: unknown, res: object): boolean {
  return standalone.has(res)
}

/** One id, of visible ASCII; a comma is where Node has joined several. */
const ONE_ID = /^[\x21-\x2b\x2d-\x7e]+$/

/**
 * Sessions for clients of 2025-11-25 and older. Mount it behind authentication, limits and `jsonBody()`, and in front of the
 * handler that serves 2026-07-28 and whoever has no session.
 *
 * @param createServer makes the server of a session, such as `createToolServer` gives; it is told of no token.
 * @throws TypeError `ERR_SESSIONS_OPTION`
 */
export function sessionHandler(
  createServer: McpServerFactory,
  options: SessionHandlerOptions = {},
): SessionHandler {
  const settings = settingsOf(options)
  const { eventStore, principalOf, wantsSession, bus } = options
  const { requireSession, dangerouslyAllowAnonymous, allowDelete, onError } = settings
  requiredFunction('createServer', createServer)
  const recording = eventStore && recorder(eventStore, onError)
  const detached = detachedCalls(settings.maxDetachedCalls)
  const parts = { ...settings, recorder: recording, detached }
  const registry = createRegistry(parts, settings, options)
  const onStandalone = (res: Response) => standalone.add(res)
  const service = sessionService({
    ...settings,
    ...options,
    ...{ createServer, registry },
    isClosed: () => closed,
    get: { ...parts, limits: settings, onStandalone },
  })
  const readBody = jsonBody()
  const unsubscribe = bus?.subscribe((event) => announce(event, registry.all()))
  let closed = false

  /** Whether the body is there; otherwise the answer is. */
  async function hasBody(req: Request, res: Response): Promise<boolean> {
    if (req.method !== 'POST' || req.body !== undefined) return true
    let read = false
    await readBody(req, res, () => {
      read = true
    })
    return read
  }

  async function sessionsMiddleware(req: Request, res: Response, next: NextFunction) {
    const id = header(req, 'mcp-session-id')
    if (!(await hasBody(req, res))) return
    const asks = id === undefined && req.method === 'POST' && asksForSession(req)
    const others = id === undefined && !asks && !requireSession
    if (others && (req.method === 'POST' || wantsSession)) return next()
    if (!isLegacy(req) || (asks && wantsSession && !wantsSession(req))) return next()
    if (closed) {
      res.set('Connection', 'close')
      return refuseUnavailable(req, res, 'the server is shutting down')
    }
    if (
      !['POST', 'GET', 'DELETE'].includes(req.method) ||
      (req.method === 'DELETE' && !allowDelete)
    )
      return refuseMethod(req, res, allowDelete)
    if (id === undefined && !asks)
      return refuse(req, res, 400, 'Bad Request: Mcp-Session-Id is missing')
    if (id !== undefined && !ONE_ID.test(id))
      return refuse(req, res, 400, 'Bad Request: Mcp-Session-Id must be one id')
    const owner = ownerOf(req, principalOf, dangerouslyAllowAnonymous)
    if (id === undefined) {
      if (!owner) throw anonymousError()
      return service.begin(owner, req, res)
    }
    const session = owner && registry.find(id, owner)
    return session ? service.use(session, req, res) : refuseUnknown(req, res)
  }

  return {
    middleware: sessionsMiddleware,
    state: () => stateOf(registry, recording, detached),
    end(principal) {
      const theirs = [...registry.all()].filter(({ owner }) => owner.principal === principal)
      for (const session of theirs) registry.close(session, 'ended')
      return theirs.length
    },
    async close() {
      closed = true
      unsubscribe?.()
      for (const session of [...registry.all()]) registry.close(session, 'shutdown')
    },
  }
}

function anonymousError(): Error {
  const error = new Error(
    '@mcp-prod/sessions: nobody is authenticated; mount authentication in front, leave such callers out with wantsSession, or set dangerouslyAllowAnonymous',
  )
  return Object.assign(error, { code: 'ERR_SESSIONS_ANONYMOUS' })
}
