import {
  type CallToolResult,
  McpServer,
  type McpServerFactory,
  ProtocolError,
  ProtocolErrorCode,
  Server,
  type ServerContext,
  type ServerOptions,
} from '@modelcontextprotocol/server'
import { type CallEnvironment, callTool, type ToolCallEvent } from './call.js'
import { fanOut } from './deadline.js'
import type { Tool } from './define.js'
import { withoutQuotes } from './discreet.js'
import { optionError } from './errors.js'
import { cut } from './issues.js'
import { toolList } from './list.js'
import { flag } from './options.js'
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
  /** Aborts when running calls must stop now, such as a shutdown's end. @default none */
  signal?: AbortSignal
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
 * @throws TypeError `ERR_TOOLS_OPTION` when two tools share a name, or a switch is neither true nor false.
 */
export function createToolServer(
  tools: readonly Tool[],
  options: ToolServerOptions,
): McpServerFactory {
  const { name, version, instructions, services = {}, logger = silent, onCall = () => {} } = options
  const { signal, dangerouslyIgnoreScopes = false, listOnlyCallable = false } = options
  flag('dangerouslyIgnoreScopes', dangerouslyIgnoreScopes)
  flag('listOnlyCallable', listOnlyCallable)
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
      onCall,
    }
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
  const mirrored = new Map(
    tools
      .filter((tool) => mirrorsHeaders(tool.listing.inputSchema))
      .map((tool) => [tool.name, tool.listing.inputSchema]),
  )

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

/**
 * To a request of the wrong shape the SDK answers -32603 with its validator's text, which quotes the request. Here
 * it is what JSON-RPC has for it: -32602.
 */
class CheckedServer extends Server {
  protected override _wrapHandler(...[method, handler]: WrapArguments): WrapArguments[1] {
    return super._wrapHandler(method, (request, context) => {
      try {
        // The validator throws at once; what a handler of ours throws comes with its promise.
        return handler(request, context)
      } catch (error) {
        if (error instanceof ProtocolError) throw error
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Invalid params for ${method}`)
      }
    })
  }
}

type WrapArguments = Parameters<Server['_wrapHandler']>

/**
 * The SDK compares `Mcp-Param-*` headers with arguments marked `x-mcp-header` (SEP-2243) only for an `McpServer`
 * that tells it the tool's schema; this one tells it from the table.
 */
class HeaderCheckedServer extends McpServer {
  readonly #schemas: ReadonlyMap<string, Record<string, unknown>>

  constructor(
    info: { name: string; version: string },
    options: ServerOptions,
    schemas: ReadonlyMap<string, Record<string, unknown>>,
  ) {
    // Without the capability the SDK would install handlers of its own.
    super(info, { ...options, capabilities: {} })
    this.server.registerCapabilities(options.capabilities ?? {})
    this.#schemas = schemas
  }

  override toolInputSchemaJson(name: string): Record<string, unknown> | undefined {
    return this.#schemas.get(name)
  }
}

function mirrorsHeaders(schema: Record<string, unknown>): boolean {
  return JSON.stringify(schema).includes('"x-mcp-header"')
}

function withFields(logger: Logger, bound: Record<string, unknown>): Logger {
  const bind = (level: keyof Logger) => (message: string, fields?: Record<string, unknown>) =>
    logger[level](message, { ...fields, ...bound })
  return { debug: bind('debug'), info: bind('info'), warn: bind('warn'), error: bind('error') }
}
