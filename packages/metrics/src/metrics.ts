import { Registry } from 'prom-client'
import { abandonedMetrics } from './abandoned-metrics.js'
import { dependencyMetrics } from './dependency-metrics.js'
import { eventBusMetrics } from './event-bus-metrics.js'
import { exemplarLabels } from './exemplars.js'
import { healthMetrics } from './health-metrics.js'
import * as limits from './limit-state-metrics.js'
import { operationMetrics } from './operation-metrics.js'
import { isAscending, isTextList, requireOption } from './options.js'
import { poolMetrics } from './pool-metrics.js'
import * as processes from './process-metrics.js'
import { limitMetrics, refusalMetrics } from './refusal-metrics.js'
import { requestMetrics } from './request-metrics.js'
import { registryReader, scrapeHandler } from './scrape.js'
import { sessionMetrics } from './session-metrics.js'
import { snapshotOf } from './snapshot.js'
import * as states from './state-metrics.js'
import { toolMetrics } from './tool-metrics.js'
import type { Metrics, MetricsOptions } from './types.js'
import { workerCountMetrics } from './worker-count-metrics.js'

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]
const TOOL_BUCKETS = [...BUCKETS, 2.5, 5, 10, 30]
const ASCENDING = 'a list of ascending numbers of seconds above 0'

/**
 * Metrics of an MCP server, in a registry of their own: several instances in one process do not mix.
 *
 * @throws TypeError `ERR_METRICS_OPTION` for names that are no texts, buckets that do not ascend, or an `exemplarOf`
 * that is no function.
 */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const { tools = [], names = [], methods = [] } = options
  const { buckets = BUCKETS, toolBuckets = TOOL_BUCKETS } = options
  const { runtime = true, dependencies = [], name = '', version = '', exemplarOf } = options
  requireOption(isTextList(tools), 'tools', 'a list of names')
  requireOption(isTextList(names), 'names', 'a list of labels')
  requireOption(isTextList(methods), 'methods', 'a list of names')
  requireOption(isTextList(dependencies), 'dependencies', 'a list of names')
  requireOption(isAscending(buckets), 'buckets', ASCENDING)
  requireOption(isAscending(toolBuckets), 'toolBuckets', ASCENDING)
  requireOption(typeof name === 'string', 'name', 'a text')
  requireOption(typeof version === 'string', 'version', 'a text')
  const isFunction = exemplarOf === undefined || typeof exemplarOf === 'function'
  requireOption(isFunction, 'exemplarOf', 'a function')

  const registry = new Registry()
  const read = registryReader(registry)
  const exemplar = exemplarLabels(exemplarOf)
  const observeTool = toolMetrics(registry, { tools, buckets: [...toolBuckets], exemplar })
  if (runtime) processes.runtimeMetrics(registry)
  processes.buildInfo(registry, name, version)
  return {
    middleware: requestMetrics(registry, { methods, buckets: [...buckets], exemplar }),
    handler: scrapeHandler(registry, read),
    snapshot: async () => snapshotOf(await read()),
    observeTool,
    observeRequest: operationMetrics(registry, observeTool, {
      names,
      buckets: [...toolBuckets],
      exemplar,
    }),
    observeAbandoned: abandonedMetrics(registry, [...new Set([...tools, ...names])]),
    observeDependency: dependencyMetrics(registry, dependencies),
    observeEventLoopBlocked: processes.eventLoopMetrics(registry),
    observeProcessError: processes.processErrorMetrics(registry),
    observeLimited: limitMetrics(registry),
    observeRefused: refusalMetrics(registry),
    observeConcurrency: limits.concurrencyMetrics(registry),
    observeOverload: limits.overloadMetrics(registry),
    observeSharedLimits: limits.sharedLimitMetrics(registry),
    observePool: poolMetrics(registry),
    observeSubscriptions: states.subscriptionMetrics(registry),
    observeSessions: sessionMetrics(registry),
    observeEventBus: eventBusMetrics(registry),
    observeDrain: states.drainMetrics(registry),
    observeHealth: healthMetrics(registry),
    observeCertificate: states.certificateMetrics(registry),
    observeLog: states.logMetrics(registry),
    observeSpans: states.spanMetrics(registry),
    observeConnections: states.connectionMetrics(registry),
    observeWorkers: workerCountMetrics(registry),
    registry,
  }
}
