import {
  PROTOCOL_VERSION_META_KEY,
  type ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server'
import type { Definition } from './definitions.js'
import { type Answer, correlationIdOf, type RequestMethod, type ToolOutcome } from './events.js'
import type { Logger } from './types.js'

type ListMethod = 'tools/list' | 'prompts/list' | 'resources/list' | 'resources/templates/list'

/** A request as a span tells of it. `id`, `meta` and `protocolVersion` were chosen by the caller. */
export interface TracedCall {
  method: RequestMethod | ListMethod
  /** The name of a registered tool; undefined for any other, and for lists. */
  tool: string | undefined
  /** The name of a registered prompt, where one is asked for. */
  prompt?: string
  /** The name of a registered resource or template, where one is asked for; its URI is the caller's text. */
  resource?: string
  /** Of JSON-RPC. */
  id: string | number
  /** `params._meta`, where the caller's trace context is (SEP-414). */
  meta: Record<string, unknown> | undefined
  protocolVersion: string | undefined
  transport: 'http' | 'stdio'
}

/** How a traced request ended. */
export interface CallEnd {
  outcome: ToolOutcome | 'unknown_tool'
  /** Of the JSON-RPC error that was answered. */
  code?: number
  /** What the caller was given instead of an error's text. */
  correlationId?: string
}

/**
 * Runs around each request for a tool, a resource or a prompt and each list of them. It must call `run` at once and once; `run` never rejects, and what the
 * hook itself returns or throws changes no answer. `traceCall` of `@mcp-prod/tracing` is one.
 */
export type TraceCall = (call: TracedCall, run: () => Promise<CallEnd>) => unknown

/** Does the work within a trace. The trace is not ours, so the work is done whatever it does, and once. */
export function withinTrace<T>(
  trace: TraceCall,
  call: TracedCall,
  work: () => Promise<T>,
  endOf: (value: T) => CallEnd,
  logger: Logger,
): Promise<T> {
  let working: Promise<T> | undefined
  const failed = (error: unknown) => logger.warn('trace failed', { error })
  function run(): Promise<CallEnd> {
    working ??= work()
    return working.then(endOf, endOfFailure)
  }
  try {
    Promise.resolve(trace(call, run)).catch(failed)
  } catch (error) {
    failed(error)
  }
  working ??= work()
  return working
}

export function tracedCall(
  method: TracedCall['method'],
  definition: Definition | undefined,
  { mcpReq, http }: ServerContext,
): TracedCall {
  const named = (mcpReq.envelope as Record<string, string> | undefined)?.[PROTOCOL_VERSION_META_KEY]
  const protocolVersion = named ?? http?.req?.headers.get('mcp-protocol-version') ?? undefined
  const transport = http ? 'http' : 'stdio'
  return {
    method,
    tool: undefined,
    ...(definition && nameOf(definition)),
    id: mcpReq.id,
    meta: mcpReq._meta,
    protocolVersion,
    transport,
  }
}

function nameOf({ kind, name }: Definition) {
  if (kind === 'tool') return { tool: name }
  return kind === 'prompt' ? { prompt: name } : { resource: name }
}

export function endOfCall(answer: Answer): CallEnd {
  const { outcome } = answer
  if (!('error' in answer)) return { outcome }
  const correlationId = correlationIdOf(answer)
  return { outcome, code: answer.error.code, ...(correlationId && { correlationId }) }
}

/** A list within a trace. */
export function tracedList<R, C extends { context: ServerContext }>(
  method: ListMethod,
  list: (request: R, inbound: C) => object | Promise<object>,
  trace: TraceCall,
  logger: Logger,
) {
  return function listWithinTrace(request: R, inbound: C): Promise<object> {
    const call = tracedCall(method, undefined, inbound.context)
    const work = async () => list(request, inbound)
    return withinTrace(trace, call, work, () => ({ outcome: 'ok' }), logger)
  }
}

function endOfFailure(error: Partial<ProtocolError> | undefined): CallEnd {
  const code = typeof error?.code === 'number' ? error.code : ProtocolErrorCode.InternalError
  return { outcome: 'error', code }
}
