import {
  PROTOCOL_VERSION_META_KEY,
  type ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { type Answer, correlationIdOf, type ToolOutcome } from './call.js'
import type { ListTools } from './list.js'
import type { Logger } from './types.js'

/** A request as a span tells of it. All but `method`, `tool` and `transport` was chosen by the caller. */
export interface TracedCall {
  method: 'tools/call' | 'tools/list'
  /** The name of a registered tool; undefined for any other, and for `tools/list`. */
  tool: string | undefined
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
 * Runs around each `tools/call` and `tools/list`. It must call `run` at once and once; `run` never rejects, and what the
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
  tool: string | undefined,
  { mcpReq, http }: ServerContext,
): TracedCall {
  const named = (mcpReq.envelope as Record<string, string> | undefined)?.[PROTOCOL_VERSION_META_KEY]
  const protocolVersion = named ?? http?.req?.headers.get('mcp-protocol-version') ?? undefined
  const transport = http ? 'http' : 'stdio'
  return { method, tool, id: mcpReq.id, meta: mcpReq._meta, protocolVersion, transport }
}

export function endOfCall(answer: Answer): CallEnd {
  const { outcome } = answer
  if (!('error' in answer)) return { outcome }
  const correlationId = correlationIdOf(answer)
  return { outcome, code: answer.error.code, ...(correlationId && { correlationId }) }
}

/** `tools/list` within a trace. */
export function tracedList(list: ListTools, trace: TraceCall, logger: Logger) {
  return function listWithinTrace(request: unknown, context: ServerContext) {
    const call = tracedCall('tools/list', undefined, context)
    const work = async () => list(request, context)
    return withinTrace(trace, call, work, () => ({ outcome: 'ok' }), logger)
  }
}

function endOfFailure(error: Partial<ProtocolError> | undefined): CallEnd {
  const code = typeof error?.code === 'number' ? error.code : ProtocolErrorCode.InternalError
  return { outcome: 'error', code }
}
