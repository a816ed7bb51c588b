import type { WireAnswer } from './http-exchange.js'
import { answerOf } from './http-retry.js'

/** One attempt of a request, as a span tells of it. */
export interface TracedRequest {
  /** The name of the `httpClient`. */
  client: string
  method: string
  /** With its query, which may hold secrets. */
  url: URL
  /** From 1. */
  attempt: number
}

/** How an attempt ended: with a status, or with an error alone. */
export interface RequestEnd {
  status?: number
  error?: unknown
}

/**
 * Runs around each attempt of a request. It must call `send` at once and once, with the headers that carry its trace context
 * in place of the current request's, or none to leave that. `send` never rejects, and what the hook itself returns or
 * throws changes no answer. `traceClient` of `@mcp-prod/tracing` is one.
 */
export type TraceRequest = (
  request: TracedRequest,
  send: (headers?: Record<string, string>) => Promise<RequestEnd>,
) => unknown

/** Sends within a trace. The trace is not ours, so the request is sent whatever it does, and once. */
export function sendWithinTrace(
  trace: TraceRequest,
  request: TracedRequest,
  send: (headers?: Record<string, string>) => Promise<WireAnswer>,
): Promise<WireAnswer> {
  let sending: Promise<WireAnswer> | undefined
  function sendTraced(headers?: Record<string, string>): Promise<RequestEnd> {
    sending ??= send(headers)
    return sending.then(({ status }) => ({ status }), endOfFailure)
  }
  try {
    Promise.resolve(trace(request, sendTraced)).catch(() => {})
  } catch {}
  sending ??= send()
  return sending
}

function endOfFailure(error: unknown): RequestEnd {
  const status = answerOf(error)?.status
  return status === undefined ? { error } : { status }
}
