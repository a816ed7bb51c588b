import { randomUUID } from 'node:crypto'
import {
  type CallToolResult,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
  UrlElicitationRequiredError,
} from '@modelcontextprotocol/server'
import { type Ending, type Limits, withinLimits } from './deadline.js'
import type { Tool } from './define.js'
import { ToolError } from './errors.js'
import { issuesOf } from './issues.js'
import { holdsScopes, principalOf } from './principal.js'
import { errorResult, toResult } from './result.js'
import type { Logger, Principal, ToolServices } from './types.js'

/** How a call ended; a closed list, so that it can be a metric's label. */
export type ToolOutcome =
  | 'ok'
  | 'tool_error'
  | 'invalid_input'
  | 'timeout'
  | 'cancelled'
  | 'denied'
  | 'error'

/** One finished call of a registered tool: for metrics and audit. */
export interface ToolCallEvent {
  tool: string
  outcome: ToolOutcome
  durationMs: number
  principal: Principal | undefined
  /** What the caller was given instead of the error; the log has it too. */
  correlationId?: string
}

export interface CallEnvironment {
  services: ToolServices
  logger: Logger
  ignoreScopes: boolean
  limits: Omit<Limits, 'timeoutMs' | 'request' | 'shuttingDown'> & { isShuttingDown: () => boolean }
  onCall: (event: ToolCallEvent) => void
}

type Answer =
  | { outcome: ToolOutcome; result: CallToolResult }
  | { outcome: ToolOutcome; error: ProtocolError }

/** Runs one tool: scopes, input, deadline, output, masking; then says how it went. */
export async function callTool(
  tool: Tool,
  args: unknown,
  context: ServerContext,
  environment: CallEnvironment,
): Promise<CallToolResult> {
  const started = performance.now()
  const principal = principalOf(context.http?.authInfo)
  const answer = await attempt(tool, args, context, principal, environment)
  const correlationId = 'error' in answer ? correlationIdOf(answer.error) : undefined
  try {
    environment.onCall({
      tool: tool.name,
      outcome: answer.outcome,
      durationMs: performance.now() - started,
      principal,
      ...(correlationId && { correlationId }),
    })
  } catch (error) {
    // Who only watches must not decide how a call ends.
    environment.logger.warn('onCall failed', { error })
  }
  if ('error' in answer) throw answer.error
  return answer.result
}

async function attempt(
  tool: Tool,
  args: unknown,
  context: ServerContext,
  principal: Principal | undefined,
  { services, logger, ignoreScopes, limits }: CallEnvironment,
): Promise<Answer> {
  if (!ignoreScopes && !holdsScopes(principal, tool)) {
    const error = new ProtocolError(403, 'Forbidden: a scope is missing', {
      requiredScopes: tool.scopes,
    })
    return { outcome: 'denied', error }
  }
  try {
    const input = await tool.input['~standard'].validate(args ?? {})
    if (input.issues) {
      const text = `Invalid arguments for tool ${tool.name}: ${issuesOf(tool.input, input.issues)}`
      return { outcome: 'invalid_input', result: errorResult(text) }
    }
    const run = (controller: AbortController) =>
      tool.run(input.value, {
        // Made when first looked at: a signal costs more than many a tool.
        get signal() {
          return controller.signal
        },
        log: logger,
        principal,
        services,
        progress: progressOf(context),
      })
    const outcome = await withinLimits(
      run,
      {
        timeoutMs: tool.timeoutMs,
        request: context.mcpReq.signal,
        shutdown: limits.shutdown,
        shuttingDown: limits.isShuttingDown(),
      },
      (error) => logger.debug('tool failed after it was given up', { error }),
    )
    if (outcome.ended) return endedEarly(tool, outcome.ended)
    const result = await toResult(tool, outcome.value)
    return { outcome: result.isError ? 'tool_error' : 'ok', result }
  } catch (error) {
    return failed(error, logger)
  }
}

function endedEarly(tool: Tool, ended: Ending): Answer {
  if (ended === 'timeout') {
    const text = `Tool ${tool.name} did not answer within ${tool.timeoutMs} ms`
    return { outcome: 'timeout', result: errorResult(text) }
  }
  const why =
    ended === 'shutdown' ? 'the server is shutting down; try again' : 'the request was cancelled'
  return { outcome: 'cancelled', result: errorResult(`Tool ${tool.name} was stopped: ${why}`) }
}

function failed(error: unknown, logger: Logger): Answer {
  if (error instanceof ToolError)
    return { outcome: 'tool_error', result: errorResult(error.message) }
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

function correlationIdOf(error: ProtocolError): string | undefined {
  const { correlationId } = (error.data ?? {}) as { correlationId?: string }
  return correlationId
}

function progressOf(context: ServerContext) {
  const progressToken = context.mcpReq._meta?.progressToken
  return async (progress: number, total?: number, message?: string): Promise<void> => {
    if (progressToken === undefined) return
    const params = {
      progressToken,
      progress,
      ...(total !== undefined && { total }),
      ...(message && { message }),
    }
    // A client that went away needs no progress.
    await context.mcpReq.notify({ method: 'notifications/progress', params }).catch(() => {})
  }
}
