import type { RequestHandler } from 'express'

/** What the kit needs of a logger: winston's and pino-like loggers fit. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): unknown
  info(message: string, fields?: Record<string, unknown>): unknown
  warn(message: string, fields?: Record<string, unknown>): unknown
  error(message: string, fields?: Record<string, unknown>): unknown
}

/** What `@mcp-prod/tools` tells of a request. `id`, `meta` and `protocolVersion` were chosen by the caller. */
export interface TracedCall {
  method: string
  /** The name of a registered tool, or undefined. */
  tool: string | undefined
  /** The name of a registered prompt, where one is asked for. */
  prompt?: string | undefined
  /** The name of a registered resource or template, where one is asked for. */
  resource?: string | undefined
  /** Of JSON-RPC. */
  id: string | number
  /** `params._meta`. */
  meta: Record<string, unknown> | undefined
  protocolVersion: string | undefined
  transport: 'http' | 'stdio'
}

/** How it ended. */
export interface CallEnd {
  outcome: string
  /** Of the JSON-RPC error that was answered. */
  code?: number
  correlationId?: string
}

/** What `@mcp-prod/resilience` tells of one attempt of a request. */
export interface TracedRequest {
  client: string
  method: string
  url: URL
  /** From 1. */
  attempt: number
}

/** How it ended: with a status, or with an error alone. */
export interface RequestEnd {
  status?: number
  error?: unknown
}

export type AttributeValue = string | number | boolean

export interface SpanOptions {
  /** @default 'internal' */
  kind?: 'internal' | 'client' | 'server' | 'producer' | 'consumer'
  /** Of low detail: what is exported is read by others. Texts are cut to 1024 characters. @default {} */
  attributes?: Record<string, AttributeValue | undefined>
}

/** How many spans came to what since the start. */
export interface SpanStats {
  /** Taken by the collector. */
  exported: number
  /** Refused by it, or not taken in time. */
  failed: number
  /** Never sent: the queue was full, or tracing was closed. */
  dropped: number
}

/** Needs no `this`: each member may be handed on by itself. */
export interface Tracing {
  /** The HTTP span of each request. Mount it first, so that what is logged and measured behind it can name the trace. */
  middleware: RequestHandler
  /** The span of a request for a tool, a prompt or a resource, or of a list of them: for `trace` of `createToolServer`. */
  traceCall(call: TracedCall, run: () => Promise<CallEnd>): unknown
  /** The span of an outgoing HTTP request, whose headers then name it: for `trace` of `httpClient`. */
  traceClient(
    request: TracedRequest,
    send: (headers?: Record<string, string>) => Promise<RequestEnd>,
  ): unknown
  /**
   * Runs work within a span, such as a database call, and gives what it gives. What it throws or rejects with leaves its code
   * or name on the span, never its text.
   */
  span<T>(name: string, options: SpanOptions, run: () => T): T
  stats(): SpanStats
  /** Sends what is left, for at most `closeTimeoutMs`, and counts as lost what is left then. Never rejects. */
  close(): Promise<void>
}
