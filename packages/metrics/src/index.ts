export {
  createMetrics,
  type Metrics,
  type MetricsOptions,
  type ProcessErrorKind,
  type ToolObservation,
} from './metrics.js'
