import type { Server } from 'node:net'
import type { RequestHandler } from 'express'
import type { Registry } from 'prom-client'
import type { DependencyEvent } from './dependency-metrics.js'
import type { EventBusState } from './event-bus-metrics.js'
import type { Exemplar } from './exemplars.js'
import type { HealthState } from './health-metrics.js'
import type { ConcurrencyState, OverloadState, SharedLimitsState } from './limit-state-metrics.js'
import type { PoolState } from './pool-metrics.js'
import type { SessionsState } from './session-metrics.js'
import type { Snapshot } from './snapshot.js'
import type { WorkersState } from './worker-count-metrics.js'

export interface MetricsOptions {
  /** Names that may become the `tool` label; any other counts as `other`. @default [] */
  tools?: readonly string[]
  /**
   * Labels of prompts and resources that may become the `name` label, such as `prompt:greet` and `resource:readme`: the
   * `labels` of the definitions of `@mcp-prod/tools`. Any other counts as `other`. @default []
   */
  names?: readonly string[]
  /** JSON-RPC methods beside the specification's that may become the `method` label. @default [] */
  methods?: readonly string[]
  /** Names of policies that may become the `dependency` label; any other counts as `other`. @default [] */
  dependencies?: readonly string[]
  /** Upper bounds for requests, in seconds, ascending. @default [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1] */
  buckets?: readonly number[]
  /** Upper bounds for tools, in seconds, ascending. @default those for requests by default, then 2.5, 5, 10, 30 */
  toolBuckets?: readonly number[]
  /** Whether to measure Node itself: event loop, heap, garbage collection, handles, limits. @default true */
  runtime?: boolean
  /** The server's name, for `mcp_build_info`. @default '' */
  name?: string
  /** The server's version, for `mcp_build_info`. @default '' */
  version?: string
  /**
   * The trace that runs just now, if it is kept: it becomes the exemplar of what is counted. Asked when a request
   * reaches `middleware` and when a tool call is counted. What it throws is ignored. @default none
   */
  exemplarOf?: () => Exemplar | undefined
}

/** One finished tool call. */
export interface ToolObservation {
  tool: string
  outcome: string
  /** How long it took; left out for a call that was refused before it ran. */
  durationMs?: number
}

/** One finished request for a tool, a prompt or a resource: the `RequestEvent` of `@mcp-prod/tools`. */
export interface RequestObservation extends Omit<ToolObservation, 'tool'> {
  method: string
  /** The label of what was asked for; undefined where there is no such thing. */
  name: string | undefined
}

export type ProcessErrorKind = 'unhandledRejection' | 'uncaughtException'

/**
 * Every `read` is asked at each scrape, not between them. While it throws, its series are missing; a scrape waits for
 * none longer than 3 s. All `observe…` that take one throw TypeError `ERR_METRICS_OPTION` for no function, and for a
 * name, or where there is none a call, that comes a second time.
 */
export interface Metrics {
  /** Counts and times every request that passes it. Mount it before whatever may refuse, and after tracing. */
  middleware: RequestHandler
  /** Answers a scrape, as OpenMetrics or in the Prometheus text format. Mount it on a private port. */
  handler: RequestHandler
  /** Counts and times a tool call. */
  observeTool: (observation: ToolObservation) => void
  /**
   * Counts and times a request for a tool, which it hands to `observeTool`, or for a prompt or a resource: the `onRequest` of
   * `@mcp-prod/tools`. Of other methods it counts nothing.
   */
  observeRequest: (observation: RequestObservation) => void
  /** Counts runs that outlive their call: the `onAbandoned` of `@mcp-prod/tools`. */
  observeAbandoned: (observation: { tool: string; ended: boolean }) => void
  /** Counts and times calls to dependencies: the `onEvent` of `@mcp-prod/resilience`. */
  observeDependency: (event: DependencyEvent) => void
  /** Counts a time that the event loop was blocked for so many milliseconds: the `onBlocked` of `@mcp-prod/recovery`. */
  observeEventLoopBlocked: (durationMs: number) => void
  /** Counts an error that nobody caught: the `onError` of `@mcp-prod/recovery`. */
  observeProcessError: (kind: ProcessErrorKind) => void
  /** Counts a request refused by a limit: `ip`, `principal`, `tool`, `concurrency`, `overload`, `streams`, `sessions`; any other is `other`. */
  observeLimited: (layer: string) => void
  /** Shows calls that run and wait, and how many may run: the `state` of `limitConcurrency` of `@mcp-prod/ratelimit`. */
  observeConcurrency: (read: () => ConcurrencyState) => void
  /** Shows which part of calls is shed: the `state` of `shedLoad` of `@mcp-prod/ratelimit`. */
  observeOverload: (read: () => OverloadState) => void
  /** Shows whether the store of shared limits answers, and what was decided without it. */
  observeSharedLimits: (read: () => SharedLimitsState) => void
  /** Counts a request refused for its credentials, by a reason of `@mcp-prod/auth`, or `scope`; any other is `other`. */
  observeRefused: (reason: string) => void
  /** Shows a connection pool. */
  observePool: (name: string, read: () => PoolState) => void
  /** Shows open subscriptions and how many there may be. */
  observeSubscriptions: (read: () => { open: number; limit: number }) => void
  /** Shows sessions: the `state` of `@mcp-prod/sessions`, and how many there may be. @default limit not shown */
  observeSessions: (read: () => SessionsState, options?: { limit?: number | undefined }) => void
  /** Shows events that replicas tell each other of. */
  observeEventBus: (read: () => EventBusState) => void
  /** Shows how long a drain goes on, 0 while there is none, and when it is cut off, in milliseconds. */
  observeDrain: (read: () => { drainingForMs: number; limitMs: number }) => void
  /** Shows readiness and the checks behind it. A read that hangs is not started again before it has ended. */
  observeHealth: (read: () => Promise<HealthState>) => void
  /** Shows when a certificate expires, in milliseconds since the epoch; missing while undefined. */
  observeCertificate: (name: string, read: () => number | undefined) => void
  /** Shows how many lines a log has lost so far. */
  observeLog: (name: string, read: () => number) => void
  /** Shows what became of spans so far. */
  observeSpans: (read: () => { exported: number; failed: number; dropped: number }) => void
  /** Shows the connections of a server that are open, and how many there may be. @default limit its `maxConnections` */
  observeConnections: (server: Server, options?: { limit?: number | undefined }) => void
  /** Shows the processes that serve together: how many there should be, are ready and were started again so far. */
  observeWorkers: (read: () => WorkersState) => void
  /** Everything at this moment, as data for `allWorkers` in another process. Missing is what cannot be read within 3 s. */
  snapshot: () => Promise<Snapshot>
  /** This instance's own registry, for metrics of yours. */
  registry: Registry
}
