import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import { sendRpcError } from '@mcp-prod/rpc'
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express'
import { hasMethods, requireOption } from './options.js'

/** Where errors are told in full. */
export interface Logger {
  info(message: string, fields?: Record<string, unknown>): unknown
  warn(message: string, fields?: Record<string, unknown>): unknown
  error(message: string, fields?: Record<string, unknown>): unknown
}

export interface RecoverOptions {
  /** Gets every error with its stack, its cause and the correlation id. */
  logger: Logger
  /** Which requests are answered in JSON-RPC. @default those to `/mcp` */
  isRpc?: (req: Request) => boolean
}

/**
 * The last error handler. The client gets HTTP 500 and a correlation id: JSON-RPC -32603 on the MCP route, plain JSON
 * elsewhere, and nothing of the error itself. Express's own refusals (4xx) keep their status with a fixed phrase. Once an answer has
 * begun it cannot be mended, so its connection is cut, and the client does not take half an answer for a whole one.
 *
 * @throws TypeError `ERR_RECOVERY_OPTION` at creation without a logger.
 */
export function recover(options: RecoverOptions): ErrorRequestHandler {
  const { logger, isRpc = isMcpRoute } = options
  requireOption(hasMethods(logger, 'info', 'error'), 'logger', 'a logger with info() and error()')

  // Express tells an error handler by its four arguments.
  return function recoverMiddleware(error: unknown, req, res, _next) {
    const correlationId = randomUUID()
    const status = refusalStatus(error) ?? 500
    const gone = res.destroyed || req.socket.destroyed
    const fields = {
      correlationId,
      requestId: res.getHeader('X-Request-Id'),
      method: req.method,
      path: req.path,
      error,
    }
    try {
      if (status < 500 || gone) logger.info('request refused or cut off', fields)
      else logger.error('request failed', fields)
    } catch {
      // A log that is broken must not take the answer with it.
    }
    if (res.headersSent || gone) {
      res.destroy()
      return
    }
    answer(req, res, status, correlationId, isRpc)
  }
}

/** Answers what no route took: 404 in JSON or JSON-RPC, in place of Express's HTML page. */
export function notFound(options: Pick<RecoverOptions, 'isRpc'> = {}): RequestHandler {
  const { isRpc = isMcpRoute } = options

  return function notFoundMiddleware(req, res) {
    // Nobody will read it, so its sender must not go on.
    if (!req.complete && hasBody(req)) res.set('Connection', 'close')
    if (isRpc(req)) sendRpcError(req, res, 404, { code: 404, message: 'Not Found' })
    else res.status(404).json({ error: 'not_found' })
  }
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0
}

/** Names of headers that described the answer which failed, and may hold something of it. */
const DESCRIPTIVE =
  /^(content-|etag$|last-modified$|location$|link$|set-cookie$|trailer$|transfer-encoding$)/

function answer(
  req: Request,
  res: Response,
  status: number,
  correlationId: string,
  isRpc: (req: Request) => boolean,
): void {
  for (const name of res.getHeaderNames()) if (DESCRIPTIVE.test(name)) res.removeHeader(name)
  const phrase = STATUS_CODES[status] ?? 'Error'
  res.statusMessage = phrase
  res.set('Cache-Control', 'no-store')
  if (!isRpc(req)) {
    const error = status === 500 ? 'internal_error' : 'refused'
    res.status(status).json({ error, message: phrase, correlationId })
    return
  }
  const code = status === 500 ? -32603 : status
  const message = status === 500 ? 'Internal error' : phrase
  sendRpcError(req, res, status, { code, message, data: { correlationId } })
}

/**
 * A 4xx that the caller may see: of an error made to be shown (`expose`, as http-errors marks it), or of a path that does not
 * decode. An error that merely has a status is most likely an upstream's: its 401 must not become ours.
 */
function refusalStatus(error: unknown): number | undefined {
  try {
    if (error instanceof URIError) return 400
    if (!(error instanceof Error)) return undefined
    const { expose, status } = error as Error & { expose?: unknown; status?: unknown }
    const shown = expose === true && Number.isInteger(status) ? Number(status) : 0
    return shown >= 400 && shown < 500 && shown in STATUS_CODES ? shown : undefined
  } catch {
    // A getter that throws, or a revoked proxy.
    return undefined
  }
}

/** Express matches paths in any case and with a slash at the end, so this does too. */
function isMcpRoute(req: Request): boolean {
  const path = req.originalUrl.split('?', 1)[0] ?? ''
  return /^\/mcp\/?$/i.test(path)
}
