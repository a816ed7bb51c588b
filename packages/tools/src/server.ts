import {
  type CallToolResult,
  type McpServerFactory,
  ProtocolError,
  ProtocolErrorCode,
  type Server,
  type ServerContext,
  type ServerOptions,
} from '@modelcontextprotocol/server'
import { abandonedRuns } from './abandoned.js'
import { type Answer, callTool, tell } from './call.js'
import { CheckedServer, HeaderCheckedServer, mirroringTools } from './checked-server.js'
import { fanOut } from './deadline.js'
import type { Tool } from './define.js'
import { withoutQuotes } from './discreet.js'
import { optionError } from './errors.js'
import { cut } from './issues.js'
import { toolList } from './list.js'
import { flag, functionOrNone, wholeNumber } from './options.js'
import { principalOf } from './principal.js'
import type { CallEnvironment } from './run-tool.js'
import type { ToolServerOptions } from './server-options.js'
import { endOfCall, tracedCall, tracedList, withinTrace } from './trace.js'
import type { Logger } from './types.js'

type CallRequest = { params: { name: string; arguments?: unknown } }

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
  const { budget, onAbandoned = () => {}, maxAbandoned = 100, trace } = options
  flag('dangerouslyIgnoreScopes', dangerouslyIgnoreScopes)
  flag('listOnlyCallable', listOnlyCallable)
  functionOrNone('budget', budget)
  functionOrNone('onAbandoned', onAbandoned)
  functionOrNone('trace', trace)
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
  const listing = toolList(tools, filtered)
  const list = trace ? tracedList(listing, trace, logger) : listing
  const info = { name, version }
  const serverOptions: ServerOptions = {
    capabilities: { tools: { listChanged: true } },
    ...(instructions && { instructions }),
    // What one caller may see must not be served to another from a cache.
    ...(filtered && { cacheHints: { 'tools/list': { cacheScope: 'private' } } }),
  }
  const mirrored = mirroringTools(tools)

  function answerTo({ params }: CallRequest, context: ServerContext): Promise<Answer> {
    const found = environments.get(params.name)
    if (found) return callTool(found.tool, params.arguments, context, found.environment)
    const name = cut(params.name)
    const principal = principalOf(context.http?.authInfo)
    tell({ onCall, logger }, { tool: name, outcome: 'invalid_input', durationMs: 0, principal })
    const text = `Unknown tool: ${name}`
    const error = new ProtocolError(ProtocolErrorCode.InvalidParams, text)
    return Promise.resolve({ outcome: 'unknown_tool', error })
  }

  async function onCallRequest(
    request: CallRequest,
    server: Server,
    context: ServerContext,
  ): Promise<CallToolResult> {
    const tool = environments.get(request.params.name)?.tool
    const answer = await (trace
      ? withinTrace(
          trace,
          tracedCall('tools/call', tool?.name, context),
          () => answerTo(request, context),
          endOfCall,
          logger,
        )
      : answerTo(request, context))
    if ('error' in answer) throw answer.error
    return server.projectCallToolResult(answer.result, tool?.listing.outputSchema as never)
  }

  return function toolServerFactory() {
    const wrapper =
      mirrored.size > 0 ? new HeaderCheckedServer(info, serverOptions, mirrored) : undefined
    const server = wrapper?.server ?? new CheckedServer(info, serverOptions)
    server.onerror = (error) => logger.info('protocol error', { error: withoutQuotes(error) })
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
