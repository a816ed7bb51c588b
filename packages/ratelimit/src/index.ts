export { type LimitByIpOptions, limitByIp } from './limit-by-ip.js'
export { type LimitByPrincipalOptions, limitByPrincipal } from './limit-by-principal.js'
export {
  type ConcurrencyLimit,
  type LimitConcurrencyOptions,
  limitConcurrency,
} from './limit-concurrency.js'
export { type MemoryMeters, memoryMeters } from './memory-meters.js'
export type { Charge, Meters, Reading, Verdict } from './meters.js'
export type { Plan, Quota, ToolLimits } from './quota.js'
export type { LimitedDetails } from './refuse.js'
export type { BusyDetails } from './refuse-busy.js'
export {
  type LoadShedder,
  type ShedDetails,
  type ShedLoadOptions,
  shedLoad,
} from './shed-load.js'
