import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import { sendRpcError } from '@mcp-prod/rpc'
import type { ErrorRequestHandler, Request, Response } from 'express'
import { cutOff } from './cut-off.js'
import { guarded, type Logger } from './logger.js'
import { isMcpRoute } from './mcp-route.js'
import { hasMethods, requireFunction, requireOption } from './options.js'

export interface RecoverOptions {
  /** Gets every error with its stack, its cause and the correlation id. */
  logger: Logger
  /** Which requests are answered in JSON-RPC. @default those to `/mcp` */
  isRpc?: (req: Request) => boolean
}

/**
 * The last error handler. The client gets HTTP 500 and a correlation id: JSON-RPC -32603 on the MCP route, plain JSON
 * elsewhere, and nothing of the error itself. Express's own refusals (4xx) keep their status with a fixed phrase. Once an answer has
 * begun it cannot be mended, so its connection is cut, and the client does not take half an answer for a whole one. An answer
 * that had ended before, as that of a handler that answers twice, goes out whole.
 *
 * @throws TypeError `ERR_RECOVERY_OPTION` at creation without a logger.
 */
export function recover(options: RecoverOptions): ErrorRequestHandler {
  const { logger, isRpc = isMcpRoute } = options
  const isLogger = hasMethods(logger, 'info', 'error')
  requireOption(isLogger, 'logger', 'a logger with info() and error()', logger)
  requireFunction('isRpc', isRpc)

  // Express tells an error handler by its four arguments.
  return function recoverMiddleware(error: unknown, req, res, _next) {
    const correlationId = randomUUID()
    const status = refusalStatus(error) ?? 500
    // After an answer that went out whole, `destroyed` only says that it is over.
    const gone = !res.writableFinished && (res.destroyed || req.socket.destroyed)
    const fields = {
      correlationId,
      requestId: res.getHeader('X-Request-Id'),
      method: req.method,
      path: req.path,
      error,
    }
    guarded(() => {
      if (gone) return logger.info('request refused or cut off', fields)
      if (res.writableEnded) return logger.error('error after the answer', fields)
      if (status < 500) return logger.info('request refused or cut off', fields)
      return logger.error('request failed', fields)
    })
    // Its last bytes may still wait for a slow reader: destroying it would cut a good answer off.
    if (res.writableEnded && !gone) return
    if (res.headersSent || gone) {
      cutOff(res)
      return
    }
    try {
      answer(req, res, status, correlationId, isRpc)
    } catch (cause) {
      // `isRpc`, a `json replacer` or a wrapper around `res`. Passed on, Express would show its stack.
      guarded(() => logger.error('no answer to a failed request', { correlationId, error: cause }))
      answerBare(res)
    }
  }
}

/** Names of headers that described the answer which failed, and may hold something of it. */
const DESCRIPTIVE =
  /^(content-|etag$|last-modified$|location$|link$|set-cookie$|trailer$|transfer-encoding$)/

function removeDescription(res: Response): void {
  for (const name of res.getHeaderNames()) if (DESCRIPTIVE.test(name)) res.removeHeader(name)
}

function answer(
  req: Request,
  res: Response,
  status: number,
  correlationId: string,
  isRpc: (req: Request) => boolean,
): void {
  removeDescription(res)
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

/** A 500 without a body, by Node's own means. */
function answerBare(res: Response): void {
  try {
    if (res.headersSent) cutOff(res)
    else {
      removeDescription(res)
      res.statusMessage = 'Internal Server Error'
      res.statusCode = 500
      res.end()
    }
  } catch {
    res.destroy()
  }
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
