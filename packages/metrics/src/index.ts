export type { DependencyEvent } from './dependency-metrics.js'
export {
  createMetrics,
  type Metrics,
  type MetricsOptions,
  type ProcessErrorKind,
  type ToolObservation,
} from './metrics.js'
export type { PoolState } from './pool-metrics.js'
