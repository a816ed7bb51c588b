import { sendRpcError } from '@mcp-prod/rpc'
import { toNodeHandler } from '@modelcontextprotocol/node'
import {
  createMcpHandler,
  type McpServerFactory,
  type ServerEventBus,
  type ServerNotifier,
} from '@modelcontextprotocol/server'
import type { RequestHandler } from 'express'
import { exchange } from './exchange.js'

export interface ToolHandlerOptions {
  /** Told of refused requests and failures outside tools; changes no answer. @default none */
  onError?: (error: Error) => void
  /** Most `subscriptions/listen` streams open at once. @default 1024 */
  maxSubscriptions?: number
  /** Milliseconds between comments that keep an open stream alive through proxies; 0 for none. @default 15000 */
  keepAliveMs?: number
  /** Carries list-changed events; replicas need one they share. @default in this process */
  bus?: ServerEventBus
}

export interface ToolHandler {
  /** Serves the MCP endpoint in both eras. Mount it after `jsonBody()`: it takes the parsed `req.body`. */
  middleware: RequestHandler
  /** Tells subscribers that a list or resource changed. */
  notify: ServerNotifier
  /** Ends open streams in the protocol's way and serves no more: for the end of a drain. */
  close(): Promise<void>
}

/** The MCP endpoint as one Express handler: 2026-07-28 and, statelessly, every 2025 revision. */
export function toolHandler(
  factory: McpServerFactory,
  options: ToolHandlerOptions = {},
): ToolHandler {
  const { onError = () => {}, maxSubscriptions = 1024, keepAliveMs = 15_000, bus } = options
  const handler = createMcpHandler(factory, {
    onerror: onError,
    maxSubscriptions,
    keepAliveMs,
    ...(bus && { bus }),
  })
  const serveUnparsed = toNodeHandler(handler, { onerror: onError })

  let closed = false
  async function mcpMiddleware(...[req, res]: Parameters<RequestHandler>): Promise<void> {
    if (closed) {
      res.set({ 'Retry-After': '1', Connection: 'close' })
      sendRpcError(req, res, 503, { code: 503, message: 'The server is shutting down' })
      return
    }
    if (req.body === undefined) await serveUnparsed(req, res)
    else await exchange(handler, req, res)
  }

  return {
    middleware: mcpMiddleware,
    notify: handler.notify,
    close() {
      closed = true
      return handler.close()
    },
  }
}
