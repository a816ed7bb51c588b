export {
  createMetrics,
  type Metrics,
  type MetricsOptions,
  type ToolObservation,
} from './metrics.js'
