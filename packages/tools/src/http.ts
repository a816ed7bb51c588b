import { jsonBody, repeatsId, sendRpcError } from '@mcp-prod/rpc'
import {
  createMcpHandler,
  type McpHttpHandler,
  type McpServerFactory,
  type ServerEventBus,
  type ServerNotifier,
} from '@modelcontextprotocol/server'
import type { Request, RequestHandler, Response } from 'express'
import { discreet } from './discreet.js'
import { optionError } from './errors.js'
import { exchange } from './exchange.js'
import { inform } from './inform.js'
import { functionOrNone, milliseconds, wholeNumber } from './options.js'
import { refuseClosing, type StreamsDetails } from './refuse-stream.js'
import type { ToolServer } from './server.js'
import { isListen, subscriptions } from './subscriptions.js'

export interface ToolHandlerOptions {
  /** Told of refused requests and failures outside tools. What it throws is ignored. @default none */
  onError?: (error: Error) => unknown
  /** Most `subscriptions/listen` streams open at once; further ones get 503. @default 1024 */
  maxSubscriptions?: number
  /** Most of them of one principal; further ones get 429. @default 16, or half of `maxSubscriptions` if that is less */
  maxSubscriptionsPerPrincipal?: number
  /** Whose stream it is, in its `auth.extra.tenant`. Without an answer the address counts instead. @default `auth.extra.principal`, else `auth.clientId` */
  principalOf?: (req: Request) => string | undefined
  /**
   * Told of each stream that was refused because none was free, of this caller (429) or of all (503): for log and metrics.
   * What it throws is ignored. @default none
   */
  onLimited?: (req: Request, layer: 'streams', details: StreamsDetails) => unknown
  /** Told of each stream that opens: for an audit. What it throws is ignored. @default none */
  onOpened?: (req: Request) => unknown
  /** Milliseconds until a stream is ended, or until its token expires if that is sooner. @default 3600000 (an hour) */
  maxSubscriptionMs?: number
  /** Milliseconds without a message, keep-alives not counted, after which a stream is ended; 0 for none. @default 0 */
  maxSubscriptionIdleMs?: number
  /** Milliseconds between comments that keep an open stream alive through proxies; 0 for none. @default 15000 */
  keepAliveMs?: number
  /** Carries list-changed events; replicas need one they share. @default the one of `createToolServer` */
  bus?: ServerEventBus
}

export interface ToolHandler {
  /** Serves the MCP endpoint in both eras. Mount it after `jsonBody()`: it takes the parsed `req.body`. */
  middleware: RequestHandler
  /** Streams of `subscriptions/listen` that are open now, and how many may be. */
  readonly subscriptions: { open: number; limit: number }
  /** Tells subscribers that a list or resource changed. */
  notify: ServerNotifier
  /** Ends open streams in the protocol's way and serves no more: for the end of a drain. */
  close(): Promise<void>
}

/**
 * The MCP endpoint as one Express handler: 2026-07-28 and, statelessly, every 2025 revision. A body that nobody has read
 * yet is read by `jsonBody()` with its defaults.
 *
 * @throws TypeError `ERR_TOOLS_OPTION` for a number that is none, is negative or is too long for a timer, or a second bus.
 */
export function toolHandler(
  factory: McpServerFactory,
  options: ToolHandlerOptions = {},
): ToolHandler {
  return handlerOver(createMcpHandler, factory, options)
}

/** Makes what serves requests by one line of the SDK. */
export type CreateHandler = (
  factory: McpServerFactory,
  options: { onerror: (error: Error) => void; keepAliveMs: number; bus?: ServerEventBus },
) => McpHttpHandler

/**
 * The same over any line of the SDK.
 *
 * @throws TypeError `ERR_TOOLS_OPTION`
 */
export function handlerOver(
  createHandler: CreateHandler,
  factory: McpServerFactory,
  options: ToolHandlerOptions,
): ToolHandler {
  const { onError = () => {}, maxSubscriptions = 1024, bus, principalOf } = options
  const { onOpened, onLimited } = options
  const { maxSubscriptionsPerPrincipal = shareOf(maxSubscriptions) } = options
  const { maxSubscriptionMs = 3_600_000, maxSubscriptionIdleMs = 0, keepAliveMs = 15_000 } = options
  wholeNumber('maxSubscriptions', maxSubscriptions, 'streams')
  wholeNumber('maxSubscriptionsPerPrincipal', maxSubscriptionsPerPrincipal, 'streams')
  milliseconds('maxSubscriptionMs', maxSubscriptionMs, 1)
  milliseconds('maxSubscriptionIdleMs', maxSubscriptionIdleMs, 0)
  milliseconds('keepAliveMs', keepAliveMs, 0)
  functionOrNone('principalOf', principalOf)
  functionOrNone('onOpened', onOpened)
  functionOrNone('onLimited', onLimited)
  const report = (error: Error) => inform(() => onError(discreet(error)))
  const common = { onerror: report, keepAliveMs }
  const server = 'adoptBus' in factory ? (factory as ToolServer) : undefined
  if (bus && server?.adoptBus(bus) === false)
    optionError(
      'bus of toolHandler is another than that of createToolServer: give it to one of them',
    )
  const shared = bus ?? server?.bus
  const handler = createHandler(factory, { ...common, ...(shared && { bus: shared }) })
  const readBody = jsonBody()
  const streams = subscriptions(
    () => createHandler(factory, { ...common, bus: handler.bus }),
    { maxSubscriptions, maxSubscriptionsPerPrincipal, maxSubscriptionMs, maxSubscriptionIdleMs },
    {
      principalOf,
      narrow: server?.narrow,
      watched: server?.watched,
      onRefused: report,
      onOpened,
      onLimited: onLimited && ((req, details) => onLimited(req, 'streams', details)),
    },
  )

  let closed = false
  async function mcpMiddleware(...[req, res]: Parameters<RequestHandler>): Promise<void> {
    if (closed) return refuseClosing(req, res)
    // Handed to the SDK unread, a body could open streams past the limits.
    if (req.body === undefined) {
      let read = false
      await readBody(req, res, () => {
        read = true
      })
      if (!read) return
      if (closed) return refuseClosing(req, res)
    }
    // The SDK ends its answer at the first one to an id: the calls that go on then would be neither aborted nor counted.
    if (repeatsId(req)) {
      report(new Error('refused: two requests of the batch have the same id'))
      return refuseRepeated(req, res)
    }
    if (isListen(req)) await streams.serve(req, res)
    else await exchange(handler, req, res, { body: withoutCancels(req.body) })
  }

  return {
    middleware: mcpMiddleware,
    get subscriptions() {
      return { open: streams.size.streams, limit: maxSubscriptions }
    },
    notify: handler.notify,
    async close() {
      closed = true
      await Promise.all([handler.close(), streams.close()])
    },
  }
}

function refuseRepeated(req: Request, res: Response): void {
  const message = 'Invalid Request: two requests of the batch have the same id'
  sendRpcError(req, res, 400, { code: -32600, message })
}

/** One caller alone must not be able to take them all, however few there are. */
function shareOf(maxSubscriptions: number): number {
  return Math.min(16, Math.max(1, Math.ceil(maxSubscriptions / 2)))
}

/**
 * Without a session the calls of a batch could be cancelled by the batch alone, and the SDK would then never end its answer.
 */
function withoutCancels(body: unknown): unknown {
  if (!Array.isArray(body)) return body
  const kept = body.filter((entry) => entry?.method !== 'notifications/cancelled')
  return kept.length > 0 ? kept : body
}
