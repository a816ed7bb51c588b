import {
  type CallToolResult,
  type McpServerFactory,
  ProtocolError,
  ProtocolErrorCode,
  type Server,
  type ServerContext,
  type ServerOptions,
} from '@modelcontextprotocol/server'
import { type AbandonedEvent, abandonedRuns } from './abandoned.js'
import type { Budget } from './budget.js'
import { callTool, type ToolCallEvent } from './call.js'
import { CheckedServer, HeaderCheckedServer, mirroringTools } from './checked-server.js'
import { fanOut } from './deadline.js'
import type { Tool } from './define.js'
import { withoutQuotes } from './discreet.js'
import { optionError } from './errors.js'
import { cut } from './issues.js'
import { toolList } from './list.js'
import { flag, functionOrNone, wholeNumber } from './options.js'
import type { CallEnvironment } from './run-tool.js'
import type { Logger, ToolServices } from './types.js'

export interface ToolServerOptions {
  name: string
  version: string
  /** What the model should know of the server as a whole. */
  instructions?: string
  /** Handed to every tool. @default {} */
  services?: ToolServices
  /** Gets the text and stack of masked errors. Without it they are lost. @default none */
  logger?: Logger
  /** Called at the end of every call of a registered tool; what it throws is logged. @default none */
  onCall?: (event: ToolCallEvent) => void
  /**
   * Aborts when running calls must stop now, such as a shutdown's end. It also closes the threads of `inWorker`.
   * @default none
   */
  signal?: AbortSignal
  /**
   * Called around each run with the tool's own timeout in milliseconds: it narrows that to what is left of the request's time, such
   * as `withDeadline` of `@mcp-prod/resilience` does. @default every tool has its own timeout
   */
  budget?: Budget
  /**
   * Called when a run goes on for 1 s after its call has ended, and again when it ends after all; what it throws is logged.
   * @default none
   */
  onAbandoned?: (event: AbandonedEvent) => void
  /**
   * Runs of one tool that may be abandoned at a time, a quarter of them of one principal; while there are so many,
   * its calls are refused. @default 100
   */
  maxAbandoned?: number
  /** Runs tools without looking at scopes: for stdio, where the caller owns the process. @default false */
  dangerouslyIgnoreScopes?: boolean
  /**
   * Shows in `tools/list` only the tools whose scopes the caller holds. That hides no secret: a call of another is
   * denied with the scopes that it needs, as always, because a client can ask for more only when it is told of which.
   * @default false
   */
  listOnlyCallable?: boolean
}

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/**
 * A factory for `createMcpHandler` and `serveStdio`. Each instance is the SDK's low-level server with two handlers
 * that read tables built here, once: what a request costs does not grow with the number of tools.
 *
 * @throws TypeError `ERR_TOOLS_OPTION` when two tools share a name, or a switch, a number or a function is none.
 */
export function createToolServer(
  tools: readonly Tool[],
  options: ToolServerOptions,
): McpServerFactory {
  const { name, version, instructions, services = {}, logger = silent, onCall = () => {} } = options
  const { signal, dangerouslyIgnoreScopes = false, listOnlyCallable = false } = options
  const { budget, onAbandoned = () => {}, maxAbandoned = 100 } = options
  flag('dangerouslyIgnoreScopes', dangerouslyIgnoreScopes)
  flag('listOnlyCallable', listOnlyCallable)
  functionOrNone('budget', budget)
  functionOrNone('onAbandoned', onAbandoned)
  wholeNumber('maxAbandoned', maxAbandoned, 'runs', 1)
  const limits = { shutdown: fanOut(signal), isShuttingDown: () => signal?.aborted ?? false }
  const environments = new Map<string, { tool: Tool; environment: CallEnvironment }>()
  for (const tool of tools) {
    if (environments.has(tool.name))
      optionError(`two tools are named "${tool.name}"; names must be unique`)
    const log = withFields(logger, { tool: tool.name })
    const environment = {
      services,
      logger: log,
      ignoreScopes: dangerouslyIgnoreScopes,
      limits,
      budget,
      abandoned: abandonedRuns(tool.name, maxAbandoned, log, onAbandoned),
      onCall,
    }
    limits.shutdown.add(() => closeThreads(tool))
    environments.set(tool.name, { tool, environment })
  }
  const filtered = listOnlyCallable && !dangerouslyIgnoreScopes
  const list = toolList(tools, filtered)
  const info = { name, version }
  const serverOptions: ServerOptions = {
    capabilities: { tools: { listChanged: true } },
    ...(instructions && { instructions }),
    // What one caller may see must not be served to another from a cache.
    ...(filtered && { cacheHints: { 'tools/list': { cacheScope: 'private' } } }),
  }
  const mirrored = mirroringTools(tools)

  async function onCallRequest(
    request: { params: { name: string; arguments?: unknown } },
    server: Server,
    context: ServerContext,
  ): Promise<CallToolResult> {
    const found = environments.get(request.params.name)
    if (!found)
      throw new ProtocolError(
        ProtocolErrorCode.InvalidParams,
        `Unknown tool: ${cut(request.params.name)}`,
      )
    const result = await callTool(found.tool, request.params.arguments, context, found.environment)
    return server.projectCallToolResult(result, found.tool.listing.outputSchema as never)
  }

  return function toolServerFactory() {
    const wrapper =
      mirrored.size > 0 ? new HeaderCheckedServer(info, serverOptions, mirrored) : undefined
    const server = wrapper?.server ?? new CheckedServer(info, serverOptions)
    server.onerror = (error) => logger.warn('protocol error', { error: withoutQuotes(error) })
    server.setRequestHandler('tools/list', list)
    server.setRequestHandler('tools/call', (request, context) =>
      onCallRequest(request, server, context),
    )
    return wrapper ?? server
  }
}

/** Of a tool whose `run` is `inWorker(…)`: threads in use end with their calls, which the same signal ends. */
function closeThreads({ run }: { run: Tool['run'] & { close?: () => Promise<void> } }): void {
  void run.close?.()
}

function withFields(logger: Logger, bound: Record<string, unknown>): Logger {
  const bind = (level: keyof Logger) => (message: string, fields?: Record<string, unknown>) =>
    logger[level](message, { ...fields, ...bound })
  return { debug: bind('debug'), info: bind('info'), warn: bind('warn'), error: bind('error') }
}
