export { boundHeap, hasHeapFlag } from './bound-heap.js'
export { capConnections } from './cap-connections.js'
export type { AskOptions, Handler } from './channel.js'
export { WorkersError, type WorkersErrorCode } from './errors.js'
export type { Logger } from './logger.js'
export {
  type Machine,
  type MachineProblem,
  machineProblems,
  planWorkers,
  type WorkerPlan,
} from './plan.js'
export { startWorkers } from './start-workers.js'
export type { Answer, WorkerDeath, WorkerInfo, Workers, WorkersOptions } from './types.js'
export { type WorkerLink, workerLink } from './worker-link.js'
export {
  type Charge,
  countForWorkers,
  type Meters,
  type Reading,
  type WorkerMeters,
  type WorkerMetersOptions,
  workerMeters,
} from './worker-meters.js'
