import type { Request, RequestHandler, Response } from 'express'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { methodLabels, OUTCOMES, outcomeLabel, statusLabel, toolLabels } from './labels.js'
import { isAscending, isTextList, requireOption } from './options.js'

export interface MetricsOptions {
  /** Names that may become the `tool` label; any other counts as `other`. @default [] */
  tools?: readonly string[]
  /** JSON-RPC methods beside the specification's that may become the `method` label. @default [] */
  methods?: readonly string[]
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
  durationMs: number
}

export type ProcessErrorKind = 'unhandledRejection' | 'uncaughtException'

export interface Metrics {
  /** Counts and times every request that passes it. Mount it before whatever may refuse. */
  middleware: RequestHandler
  /** Answers a scrape in the Prometheus text format. Mount it on a private port. */
  handler: RequestHandler
  /** Counts and times a tool call. */
  observeTool: (observation: ToolObservation) => void
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
  const { runtime = true, name, version } = options
  requireOption(isTextList(tools), 'tools', 'a list of names')
  requireOption(isTextList(methods), 'methods', 'a list of names')
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
    middleware: requestMetrics(registry, methodLabels(methods), [...buckets]),
    handler: metricsHandler,
    observeTool: toolMetrics(registry, tools, [...toolBuckets]),
    observeProcessError: processErrorMetrics(registry),
    registry,
  }
}

function requestMetrics(
  registry: Registry,
  methodOf: ReturnType<typeof methodLabels>,
  buckets: number[],
): RequestHandler {
  const registers = [registry]
  const requests = new Counter({
    name: 'mcp_requests_total',
    help: 'HTTP requests by JSON-RPC method and HTTP status; 499 when the answer did not reach its end.',
    labelNames: ['method', 'status'],
    registers,
  })
  const durations = new Histogram({
    name: 'mcp_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its answer; subscription streams left out.',
    labelNames: ['method'],
    buckets,
    registers,
  })
  let inFlight = 0
  new Gauge({
    name: 'mcp_requests_in_flight',
    help: 'Requests whose answer has not ended, subscription streams included.',
    registers,
    collect() {
      this.set(inFlight)
    },
  })

  return function metricsMiddleware(req, res, next) {
    const started = performance.now()
    inFlight++
    function onClose(): void {
      inFlight--
      const method = methodOf(req)
      requests.inc({ method, status: statusLabel(res) })
      if (method === 'subscriptions/listen' || isStreamOfGet(req, res)) return
      durations.observe({ method }, (performance.now() - started) / 1000)
    }
    // Not 'finish': it never comes when the client goes away. One that went before now sends no 'close' any more.
    if (res.closed) onClose()
    else res.once('close', onClose)
    next()
  }
}

function isStreamOfGet(req: Request, res: Response): boolean {
  if (req.method !== 'GET') return false
  return String(res.getHeader('content-type')).startsWith('text/event-stream')
}

function toolMetrics(
  registry: Registry,
  tools: readonly string[],
  buckets: number[],
): Metrics['observeTool'] {
  const registers = [registry]
  const toolOf = toolLabels(tools)
  const calls = new Counter({
    name: 'mcp_tool_calls_total',
    help: 'Tool calls by tool and by how they ended.',
    labelNames: ['tool', 'outcome'],
    registers,
  })
  const durations = new Histogram({
    name: 'mcp_tool_duration_seconds',
    help: 'Time that a tool call took, with validation of its input and output.',
    labelNames: ['tool'],
    buckets,
    registers,
  })
  // From 0, so that the first failure of a tool already is an increase.
  for (const tool of tools) for (const outcome of OUTCOMES) calls.inc({ tool, outcome }, 0)

  return function observeTool({ tool, outcome, durationMs }) {
    const label = toolOf(tool)
    calls.inc({ tool: label, outcome: outcomeLabel(outcome) })
    // prom-client throws at a NaN, and a metric must never fail a call.
    if (durationMs >= 0) durations.observe({ tool: label }, durationMs / 1000)
  }
}

function processErrorMetrics(registry: Registry): Metrics['observeProcessError'] {
  const errors = new Counter({
    name: 'mcp_process_errors_total',
    help: 'Errors that nobody caught, by kind.',
    labelNames: ['kind'],
    registers: [registry],
  })
  for (const kind of ['unhandledRejection', 'uncaughtException']) errors.inc({ kind }, 0)
  return function observeProcessError(kind) {
    errors.inc({ kind })
  }
}

function serverInfo(registry: Registry, name = '', version = ''): void {
  const info = new Gauge({
    name: 'mcp_server_info',
    help: 'Always 1; its labels name the server.',
    labelNames: ['name', 'version'],
    registers: [registry],
  })
  info.set({ name, version }, 1)
}
