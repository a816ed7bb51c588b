import { repeatsId } from '@mcp-prod/rpc'
import {
  type AuthInfo,
  isInitializeRequest,
  isJSONRPCErrorResponse,
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  type MessageExtraInfo,
} from '@modelcontextprotocol/server'
import type { Request, Response } from 'express'
import { type OutputLimits, openOutput } from './output.js'
import { refuse } from './refuse.js'
import type { Session } from './session.js'

/** From this revision on clients understand an event without a message. */
const PRIMED_SINCE = '2025-11-25'
const NO_HEADERS_OF = new Set(['authorization', 'proxy-authorization', 'cookie'])

/** The messages of a body, or undefined after it was refused. */
export function messagesOf(req: Request, res: Response): JSONRPCMessage[] | undefined {
  const entries: unknown[] = Array.isArray(req.body) ? req.body : [req.body]
  if (entries.every(isMessage)) return entries
  refuse(req, res, 400, 'Bad Request: the body is not a valid JSON-RPC message')
  return undefined
}

/** Hands the messages of a POST to the session, and answers its requests with a stream. */
export function servePost(
  session: Session,
  messages: readonly JSONRPCMessage[],
  req: Request,
  res: Response,
  limits: OutputLimits & { retryMs: () => number },
): void {
  const { channels } = session.transport
  const ids = messages.filter(isJSONRPCRequest).map(({ id }) => id)
  const extra = extraOf(req)
  if (ids.length === 0) {
    if (messages.some(isInitialized)) session.initialized = true
    session.transport.deliver(messages, extra)
    res.status(202).end()
    return
  }
  if (!acceptsStream(req)) {
    refuseUnacceptable(req, res)
    return
  }
  // The answer to one would go to the other.
  if (repeatsId(req) || ids.some(channels.isInUse)) {
    refuse(req, res, 400, 'Bad Request: the id is that of a request in flight')
    return
  }
  const channel = channels.open(ids, extra.authInfo?.scopes ?? [])
  const output = openOutput(req, res, session.id, limits, () => channels.onGone(channel, output))
  channel.attach(output, primes(session) ? limits.retryMs() : undefined)
  session.transport.deliver(messages, extra)
}

export function primes({ protocolVersion }: Session): boolean {
  return protocolVersion !== undefined && protocolVersion >= PRIMED_SINCE
}

export function acceptsStream({ headers }: Request): boolean {
  const accepted = (headers.accept ?? '').split(',').map((type) => type.split(';', 1)[0]?.trim())
  return accepted.some((type) => type === 'text/event-stream' || type === '*/*')
}

export function refuseUnacceptable(req: Request, res: Response): void {
  refuse(req, res, 406, 'Not Acceptable: the client must accept text/event-stream')
}

/** What belongs to this request alone: the session keeps nothing of it. The token stays out of reach. */
function extraOf(req: Request): MessageExtraInfo {
  const { auth: authInfo } = req as { auth?: AuthInfo }
  const headers = new Headers()
  for (const [name, value] of Object.entries(req.headers)) {
    if (value === undefined || NO_HEADERS_OF.has(name)) continue
    headers.set(name, Array.isArray(value) ? value.join(', ') : value)
  }
  const url = `http://${req.headers.host ?? 'localhost'}${req.originalUrl}`
  const request = { method: req.method, url, headers } as unknown as globalThis.Request
  return { request, ...(authInfo && { authInfo }) }
}

function isMessage(entry: unknown): entry is JSONRPCMessage {
  return (
    isJSONRPCRequest(entry) ||
    isJSONRPCNotification(entry) ||
    isJSONRPCResultResponse(entry) ||
    isJSONRPCErrorResponse(entry)
  )
}

function isInitialized(message: JSONRPCMessage): boolean {
  return 'method' in message && message.method === 'notifications/initialized'
}

export function isInitialize(message: JSONRPCMessage): boolean {
  return isInitializeRequest(message)
}
