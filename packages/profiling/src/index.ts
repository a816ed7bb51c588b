export { type ProfilingOptions, profiling } from './profiling.js'
export { requireToken } from './require-token.js'
export type { ProfileEnd, ProfileEvent, ProfileKind } from './use.js'
