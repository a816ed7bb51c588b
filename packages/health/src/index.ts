export {
  type Check,
  type CheckReport,
  type CheckStatus,
  type Checks,
  type ChecksOptions,
  type ChecksReport,
  dependencyChecks,
} from './checks.js'
export { type LiveOptions, live } from './live.js'
export { type ReadyOptions, ready } from './ready.js'
export { startup } from './startup.js'
