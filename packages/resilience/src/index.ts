export type { BreakerOptions, BreakerState } from './breaker.js'
export type { BulkheadOptions } from './bulkhead.js'
export { isCallersDeadline, outgoingHeaders, remainingMs, withDeadline } from './deadline.js'
export {
  FullError,
  NotReadyError,
  OpenError,
  ResilienceError,
  TimeoutError,
} from './errors.js'
export type { HttpAnswer } from './http-answer.js'
export { type HttpClient, httpClient, type OriginStats } from './http-client.js'
export { HttpError } from './http-error.js'
export type { HttpClientOptions, HttpEvent } from './http-options.js'
export type { HttpRequest } from './http-request.js'
export { type Policy, type PolicyAttempt, policy, type RunOptions } from './policy.js'
export type {
  BudgetOptions,
  PolicyEvent,
  PolicyOptions,
  RetryOptions,
  TimeoutOptions,
} from './policy-options.js'
export { type RequestDeadlineOptions, requestDeadline } from './request-deadline.js'
export type { RequestEnd, TracedRequest, TraceRequest } from './trace.js'
export { isTransient } from './transient.js'
export { type ReadyCheck, type RetryNotice, type WaitForOptions, waitFor } from './wait-for.js'
