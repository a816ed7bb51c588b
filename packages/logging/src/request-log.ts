import { randomUUID } from 'node:crypto'
import { callsOf, eraOf } from '@mcp-prod/rpc'
import type { Request, RequestHandler, Response } from 'express'
import { contextStorage, openContext } from './context.js'
import { requireOption } from './options.js'

/** What `requestLog` needs of a logger; any structured logger has it. */
export interface RequestLogger {
  info(message: string, fields?: Record<string, unknown>): unknown
  error(message: string, fields?: Record<string, unknown>): unknown
}

export interface RequestLogOptions {
  /** Whether to take the caller's `X-Request-Id` when it is well formed. @default true */
  trustRequestId?: boolean
  /** Requests without an access line, such as probes; they have an id all the same. */
  skip?: (req: Request) => boolean
  /** The id of who asks. @default `req.auth.extra.principal`, else `req.auth.clientId` */
  principalOf?: (req: Request) => string | undefined
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/
/** Most characters of a text that the caller chose. */
const MAX_CHARS = 128

/**
 * Gives each request an id, answers it as `X-Request-Id`, runs what follows so that every line logged meanwhile has
 * it, and logs one access line when the answer has ended or the client has gone. Mount it first, once.
 *
 * A 5xx is logged as `error`, all else as `info`: refusals are caused by strangers, who must not be able to flood
 * the level that people are woken by.
 *
 * @throws TypeError `ERR_LOGGING_OPTION` when `logger`, `skip` or `principalOf` is of a wrong type.
 */
export function requestLog(logger: RequestLogger, options: RequestLogOptions = {}): RequestHandler {
  const { trustRequestId = true, skip, principalOf = principalOfAuth } = options
  const isFunction = (value: unknown) => typeof value === 'function'
  requireOption(isFunction(logger?.info) && isFunction(logger?.error), 'logger', 'a logger', logger)
  requireOption(
    typeof trustRequestId === 'boolean',
    'trustRequestId',
    'true or false',
    trustRequestId,
  )
  requireOption(skip === undefined || isFunction(skip), 'skip', 'a function', skip)
  requireOption(isFunction(principalOf), 'principalOf', 'a function', principalOf)

  return function requestLogMiddleware(req, res, next) {
    const skipped = skip?.(req) === true
    const given = trustRequestId ? req.headers['x-request-id'] : undefined
    const requestId = typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
    const context = openContext(req, requestId)
    if (!context) return next()
    res.setHeader('X-Request-Id', requestId)
    if (!skipped) {
      const fieldsOf = observe(req, res, requestId)
      const logAccess = () => {
        const fields = {
          ...fieldsOf(),
          principal: attempt(() => cutText(principalOf(req))),
          ...attempt(() => originOf(req)),
          ...rpcFields(req),
        }
        const level = fields.status >= 500 ? 'error' : 'info'
        contextStorage.run(context, () => attempt(() => logger[level]('request', fields)))
      }
      // `finish` never comes when the client goes away, and `close` not again when it went before we were asked.
      if (res.destroyed) logAccess()
      else res.once('close', logAccess)
    }
    contextStorage.run(context, next)
  }
}

/** Notes what is only known now: a socket that is gone has no address any more. */
function observe(req: Request, res: Response, requestId: string) {
  const startMs = performance.now()
  const { ip, socket } = req
  const bytesBefore = socket.bytesWritten
  return () => ({
    requestId,
    method: req.method,
    path: cut(req.originalUrl.split('?', 1)[0]),
    status: statusOf(res),
    durationMs: Math.round((performance.now() - startMs) * 10) / 10,
    bytes: socket.bytesWritten - bytesBefore,
    remoteAddress: ip,
  })
}

/**
 * 499 (nginx) when the connection ended before the answer did: `statusCode` says 200 then, or nothing true. A refusal
 * that was begun keeps its status: the answer to a refused upload ends only when its sender goes.
 */
function statusOf({ headersSent, statusCode, writableFinished }: Response): number {
  return writableFinished || (headersSent && statusCode >= 400) ? statusCode : 499
}

function rpcFields(req: Request) {
  const calls = callsOf(req)
  if (calls.length === 0) return {}
  const tools = calls.filter((call) => call.method === 'tools/call').map((call) => cut(call.name))
  return {
    rpcMethod: distinct(calls.map((call) => cut(call.method))),
    tool: distinct(tools),
    era: eraOf(req),
    batch: calls.length > 1 ? calls.length : undefined,
  }
}

function authOf(req: Request) {
  return (req as { auth?: { clientId?: unknown; extra?: Record<string, unknown> } }).auth
}

function principalOfAuth(req: Request): string | undefined {
  const auth = authOf(req)
  return cutText(auth?.extra?.principal) ?? cutText(auth?.clientId)
}

/** On whose behalf, and through which OAuth client or API key. Left out where unknown: `addLogFields` may know. */
function originOf(req: Request) {
  const auth = authOf(req)
  const tenant = cutText(auth?.extra?.tenant)
  const client = cutText(auth?.clientId)
  return { ...(tenant && { tenant }), ...(client && { client }) }
}

/** A batch can name many: each once, in one text. */
function distinct(texts: readonly (string | undefined)[]): string | undefined {
  return cut([...new Set(texts.filter(Boolean))].join(',')) || undefined
}

/** Text alone: anything else could say something new each time it is asked. */
function cutText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? cut(value) : undefined
}

function cut(text: string | undefined): string | undefined {
  return text?.slice(0, MAX_CHARS)
}

/** The listener runs outside of any request: what it throws would end the process. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}
