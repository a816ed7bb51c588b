export { type AllWorkers, allWorkers } from './all-workers.js'
export type { DependencyEvent } from './dependency-metrics.js'
export type { EventBusState } from './event-bus-metrics.js'
export type { Exemplar } from './exemplars.js'
export type { HealthState } from './health-metrics.js'
export type { ConcurrencyState, OverloadState, SharedLimitsState } from './limit-state-metrics.js'
export { createMetrics } from './metrics.js'
export type { PoolState } from './pool-metrics.js'
export type { SessionsState } from './session-metrics.js'
export type { MetricSnapshot, Snapshot } from './snapshot.js'
export type {
  Metrics,
  MetricsOptions,
  ProcessErrorKind,
  RequestObservation,
  ToolObservation,
} from './types.js'
export type { WorkersState } from './worker-count-metrics.js'
