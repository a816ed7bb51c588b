import { randomUUID } from 'node:crypto'
import {
  type CallToolResult,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
  UrlElicitationRequiredError,
} from '@modelcontextprotocol/server'
import type { Ending } from './deadline.js'
import type { Tool } from './define.js'
import { OverloadedError } from './errors.js'
import { issuesOf } from './issues.js'
import { holdsScopes, principalOf } from './principal.js'
import { errorResult, toResult } from './result.js'
import { type CallEnvironment, runTool } from './run-tool.js'
import { ToolError } from './tool-error.js'
import type { Logger, Principal } from './types.js'

/** How a call ended; a closed list, so that it can be a metric's label. */
export type ToolOutcome =
  | 'ok'
  | 'tool_error'
  | 'invalid_input'
  | 'timeout'
  | 'cancelled'
  | 'denied'
  | 'overloaded'
  | 'error'

/** One finished call, also of a tool that does not exist (`invalid_input`): for metrics and audit. */
export interface ToolCallEvent {
  /** Of a registered tool, or what the caller took for one: text from the caller, cut. */
  tool: string
  outcome: ToolOutcome
  /** At a timeout: whether the time that ran out was the request's (`budget`), not the tool's own. */
  narrowed?: boolean
  durationMs: number
  principal: Principal | undefined
  /** What the caller was given instead of the error; the log has it too. */
  correlationId?: string
}

/** What a call comes to; the error is one that the caller may see. */
export type Answer =
  | { outcome: ToolOutcome; result: CallToolResult; narrowed?: boolean }
  | { outcome: ToolOutcome | 'unknown_tool'; error: ProtocolError }

type ToolAnswer = Answer & { outcome: ToolOutcome }

/** Runs one tool: scopes, input, deadline, output, masking; then says how it went. Never rejects. */
export async function callTool(
  tool: Tool,
  args: unknown,
  context: ServerContext,
  environment: CallEnvironment,
): Promise<Answer> {
  const started = performance.now()
  const principal = principalOf(context.http?.authInfo)
  const answer = await attempt(tool, args, context, principal, environment, started)
  const correlationId = correlationIdOf(answer)
  tell(environment, {
    tool: tool.name,
    outcome: answer.outcome,
    durationMs: performance.now() - started,
    principal,
    ...('narrowed' in answer && { narrowed: answer.narrowed === true }),
    ...(correlationId && { correlationId }),
  })
  return answer
}

/** Who only watches must not decide how a call ends. */
export function tell(
  { onCall, logger }: Pick<CallEnvironment, 'onCall' | 'logger'>,
  event: ToolCallEvent,
): void {
  try {
    onCall(event)
  } catch (error) {
    logger.warn('onCall failed', { error })
  }
}

async function attempt(
  tool: Tool,
  args: unknown,
  context: ServerContext,
  principal: Principal | undefined,
  environment: CallEnvironment,
  started: number,
): Promise<ToolAnswer> {
  if (!environment.ignoreScopes && !holdsScopes(principal, tool)) {
    const error = new ProtocolError(403, 'Forbidden: a scope is missing', {
      requiredScopes: tool.scopes,
    })
    return { outcome: 'denied', error }
  }
  if (environment.abandoned.isFull(principal?.id)) {
    const text = `Tool ${tool.name} is not available: earlier calls of it have not ended; try again later`
    return { outcome: 'overloaded', result: errorResult(text) }
  }
  try {
    const input = await tool.input['~standard'].validate(args ?? {})
    if (input.issues) {
      const text = `Invalid arguments for tool ${tool.name}: ${issuesOf(tool.input, input.issues)}`
      return { outcome: 'invalid_input', result: errorResult(text) }
    }
    const outcome = await runTool(tool, input.value, context, principal, environment, started)
    if (outcome.ended) return endedEarly(tool, outcome.ended, outcome.timeoutMs)
    const result = await toResult(tool, outcome.value)
    return { outcome: result.isError ? 'tool_error' : 'ok', result }
  } catch (error) {
    return failed(error, environment.logger)
  }
}

function endedEarly(tool: Tool, ended: Ending, timeoutMs: number): ToolAnswer {
  if (ended === 'timeout') {
    const within = `did not answer within ${Math.ceil(timeoutMs)} ms`
    const why = timeoutMs > 0 ? '' : ': no time was left to run it'
    const result = errorResult(`Tool ${tool.name} ${within}${why}`)
    return { outcome: 'timeout', result, narrowed: timeoutMs < tool.timeoutMs }
  }
  const why =
    ended === 'shutdown' ? 'the server is shutting down; try again' : 'the request was cancelled'
  return { outcome: 'cancelled', result: errorResult(`Tool ${tool.name} was stopped: ${why}`) }
}

function failed(error: unknown, logger: Logger): ToolAnswer {
  if (error instanceof ToolError) {
    const outcome = error instanceof OverloadedError ? 'overloaded' : 'tool_error'
    return { outcome, result: errorResult(error.message) }
  }
  // Not a failure: the SDK turns it into the request for a visit to a URL that it stands for.
  if (error instanceof UrlElicitationRequiredError) return { outcome: 'ok', error }
  const correlationId = randomUUID()
  logger.error('tool failed', { correlationId, error })
  const message = `Internal error (correlation id ${correlationId})`
  return {
    outcome: 'error',
    error: new ProtocolError(ProtocolErrorCode.InternalError, message, { correlationId }),
  }
}

/** What the caller was given in place of an error's text. */
export function correlationIdOf(answer: Answer): string | undefined {
  if (!('error' in answer)) return undefined
  const { correlationId } = (answer.error.data ?? {}) as { correlationId?: string }
  return correlationId
}
