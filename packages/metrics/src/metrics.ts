import type { RequestHandler } from 'express'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { abandonedMetrics } from './abandoned-metrics.js'
import { type DependencyEvent, dependencyMetrics } from './dependency-metrics.js'
import { isAscending, isTextList, requireOption } from './options.js'
import { type PoolState, poolMetrics } from './pool-metrics.js'
import { eventLoopMetrics, processErrorMetrics, serverInfo } from './process-metrics.js'
import { requestMetrics } from './request-metrics.js'
import { toolMetrics } from './tool-metrics.js'

export interface MetricsOptions {
  /** Names that may become the `tool` label; any other counts as `other`. @default [] */
  tools?: readonly string[]
  /** JSON-RPC methods beside the specification's that may become the `method` label. @default [] */
  methods?: readonly string[]
  /** Names of policies that may become the `dependency` label; any other counts as `other`. @default [] */
  dependencies?: readonly string[]
  /** Upper bounds for requests, in seconds, ascending. @default [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1] */
  buckets?: readonly number[]
  /** Upper bounds for tools, in seconds, ascending. @default those for requests by default, then 2.5, 5, 10, 30 */
  toolBuckets?: readonly number[]
  /** Whether to measure Node itself: event loop, heap, garbage collection, handles. @default true */
  runtime?: boolean
  /** The server's name, for `mcp_server_info`. @default none */
  name?: string
  /** The server's version, for `mcp_server_info`. @default none */
  version?: string
}

/** One finished tool call. */
export interface ToolObservation {
  tool: string
  outcome: string
  /** How long it took; left out for a call that was refused before it ran. */
  durationMs?: number
}

export type ProcessErrorKind = 'unhandledRejection' | 'uncaughtException'

export interface Metrics {
  /** Counts and times every request that passes it. Mount it before whatever may refuse. */
  middleware: RequestHandler
  /** Answers a scrape in the Prometheus text format. Mount it on a private port. */
  handler: RequestHandler
  /** Counts and times a tool call. */
  observeTool: (observation: ToolObservation) => void
  /** Counts runs that outlive their call: the `onAbandoned` of `@mcp-prod/tools`. */
  observeAbandoned: (observation: { tool: string; ended: boolean }) => void
  /** Counts and times calls to dependencies: the `onEvent` of `@mcp-prod/resilience`. */
  observeDependency: (event: DependencyEvent) => void
  /** Counts a time that the event loop was blocked for so many milliseconds: the `onBlocked` of `@mcp-prod/recovery`. */
  observeEventLoopBlocked: (durationMs: number) => void
  /**
   * Shows a connection pool, read at each scrape; while `read` throws, its series are missing.
   *
   * @throws TypeError `ERR_METRICS_OPTION` for a name that is none or taken.
   */
  observePool: (name: string, read: () => PoolState) => void
  /** Counts an error that nobody caught: the `onError` of `@mcp-prod/recovery`. */
  observeProcessError: (kind: ProcessErrorKind) => void
  /** This instance's own registry, for metrics of yours. */
  registry: Registry
}

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]
const TOOL_BUCKETS = [...BUCKETS, 2.5, 5, 10, 30]

/**
 * Metrics of an MCP server, in a registry of their own: several instances in one process do not mix.
 *
 * @throws TypeError `ERR_METRICS_OPTION` for names that are no texts or buckets that do not ascend.
 */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const { tools = [], methods = [], buckets = BUCKETS, toolBuckets = TOOL_BUCKETS } = options
  const { runtime = true, dependencies = [], name, version } = options
  requireOption(isTextList(tools), 'tools', 'a list of names')
  requireOption(isTextList(methods), 'methods', 'a list of names')
  requireOption(isTextList(dependencies), 'dependencies', 'a list of names')
  requireOption(isAscending(buckets), 'buckets', 'a list of ascending numbers of seconds above 0')
  requireOption(
    isAscending(toolBuckets),
    'toolBuckets',
    'a list of ascending numbers of seconds above 0',
  )
  const registry = new Registry()
  if (runtime) collectDefaultMetrics({ register: registry })
  if (name !== undefined || version !== undefined) serverInfo(registry, name, version)

  async function metricsHandler(...[, res]: Parameters<RequestHandler>): Promise<void> {
    const text = await registry.metrics()
    res.set({ 'Content-Type': registry.contentType, 'Cache-Control': 'no-store' }).end(text)
  }

  return {
    middleware: requestMetrics(registry, methods, [...buckets]),
    handler: metricsHandler,
    observeTool: toolMetrics(registry, tools, [...toolBuckets]),
    observeAbandoned: abandonedMetrics(registry, tools),
    observeDependency: dependencyMetrics(registry, dependencies),
    observeEventLoopBlocked: eventLoopMetrics(registry),
    observePool: poolMetrics(registry),
    observeProcessError: processErrorMetrics(registry),
    registry,
  }
}
