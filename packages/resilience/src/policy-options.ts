import type { BreakerOptions, BreakerState } from './breaker.js'
import type { BulkheadOptions } from './bulkhead.js'
import {
  requireCount,
  requireFunction,
  requireGroup,
  requireMilliseconds,
  requireNumber,
  requireOption,
} from './options.js'
import { isTransient } from './transient.js'

export interface TimeoutOptions {
  /** Milliseconds for a whole run, waits and retries included; a deadline that ends earlier wins. @default 10000 */
  totalMs?: number
  /** Milliseconds for one attempt. @default 3000 */
  attemptMs?: number
}

export interface BudgetOptions {
  /** Retries for each call that was begun. @default 0.2 */
  share?: number
  /** Retries a second that may be made besides. @default 10 */
  perSecond?: number
}

export interface RetryOptions {
  /** Attempts altogether, the first included. @default 3 */
  attempts?: number
  /** Milliseconds that the first wait is at most; it doubles with each failure. @default 100 */
  minDelayMs?: number
  /** Milliseconds that any wait is at most, unless the dependency asks for more. @default 5000 */
  maxDelayMs?: number
  /** Milliseconds that an error's `retryAfterMs` may ask for; when it asks for more, there is no retry. @default 10000 */
  maxRetryAfterMs?: number
  /** Whether trying again may help. @default isTransient */
  isRetryable?: (error: unknown) => boolean
  /** Bounds the retries of all runs together. */
  budget?: BudgetOptions
}

type Happening =
  /** One run, as its caller sees it. */
  | { type: 'success' | 'failure'; durationMs: number; error?: unknown }
  /** `attempt` is the number of the one to come, after `delayMs`. */
  | { type: 'retry'; attempt: number; delayMs: number; error: unknown }
  | { type: 'retry-refused'; why: 'budget' | 'deadline' | 'retry-after'; error: unknown }
  | { type: 'timeout'; scope: 'attempt' | 'total' }
  | { type: 'rejected'; why: 'open' | 'full' }
  | { type: 'state'; state: BreakerState }

/** One thing that a policy did, for log and metrics. */
export type PolicyEvent = { policy: string } & Happening

export type Tell = (happening: Happening) => void

export interface PolicyOptions {
  timeout?: TimeoutOptions
  /** Only runs that say they are idempotent are retried. */
  retry?: false | RetryOptions
  breaker?: false | BreakerOptions
  bulkhead?: false | BulkheadOptions
  /** Told of everything a policy does. What it throws is ignored. */
  onEvent?: (event: PolicyEvent) => void
}

export interface PolicySettings {
  totalMs: number
  attemptMs: number
  retry: Required<Omit<RetryOptions, 'budget'>> & Required<BudgetOptions>
  breaker: false | Required<BreakerOptions>
  bulkhead: Required<BulkheadOptions>
  onEvent: ((event: PolicyEvent) => void) | undefined
}

/** @throws TypeError `ERR_RESILIENCE_OPTION` */
export function readPolicyOptions(options: PolicyOptions): PolicySettings {
  requireGroup('options of policy', options)
  const { timeout = {}, retry = {}, breaker = {}, bulkhead = {}, onEvent } = options
  requireGroup('timeout', timeout)
  const { totalMs = 10_000, attemptMs = 3_000 } = timeout
  requireMilliseconds('timeout.totalMs', totalMs)
  requireMilliseconds('timeout.attemptMs', attemptMs)
  if (onEvent !== undefined) requireFunction('onEvent', onEvent)
  return {
    totalMs,
    attemptMs,
    retry: readRetry(retry),
    breaker: breaker !== false && readBreaker(breaker),
    bulkhead: readBulkhead(bulkhead),
    onEvent,
  }
}

function readRetry(options: false | RetryOptions): PolicySettings['retry'] {
  const given = options === false ? { attempts: 1 } : options
  requireGroup('retry', given, ' or false')
  const { attempts = 3, minDelayMs = 100, maxDelayMs = 5_000, maxRetryAfterMs = 10_000 } = given
  const { isRetryable = isTransient, budget = {} } = given
  requireCount('retry.attempts', attempts, 1)
  requireMilliseconds('retry.minDelayMs', minDelayMs)
  requireMilliseconds('retry.maxDelayMs', maxDelayMs)
  requireOption(
    minDelayMs <= maxDelayMs,
    'retry.minDelayMs',
    `at most retry.maxDelayMs (${maxDelayMs})`,
    minDelayMs,
  )
  requireMilliseconds('retry.maxRetryAfterMs', maxRetryAfterMs, 0)
  requireFunction('retry.isRetryable', isRetryable)
  requireGroup('retry.budget', budget)
  const { share = 0.2, perSecond = 10 } = budget
  requireNumber('retry.budget.share', share, 0, 10)
  requireNumber('retry.budget.perSecond', perSecond, 0, 1_000_000)
  return { attempts, minDelayMs, maxDelayMs, maxRetryAfterMs, isRetryable, share, perSecond }
}

function readBreaker(options: BreakerOptions): Required<BreakerOptions> {
  requireGroup('breaker', options, ' or false')
  const { failureRate = 0.5, minimumCalls = 10, windowMs = 10_000, openMs = 10_000 } = options
  const { isFailure = (error) => (error as { transient?: unknown } | null)?.transient !== false } =
    options
  const { isSuccess = () => false } = options
  requireNumber('breaker.failureRate', failureRate, 0.001, 1)
  requireCount('breaker.minimumCalls', minimumCalls, 1)
  requireMilliseconds('breaker.windowMs', windowMs)
  requireMilliseconds('breaker.openMs', openMs)
  requireFunction('breaker.isFailure', isFailure)
  requireFunction('breaker.isSuccess', isSuccess)
  return { failureRate, minimumCalls, windowMs, openMs, isFailure, isSuccess }
}

function readBulkhead(options: false | BulkheadOptions): Required<BulkheadOptions> {
  if (options === false) return { concurrency: Number.POSITIVE_INFINITY, queue: 0 }
  requireGroup('bulkhead', options, ' or false')
  const { concurrency = 64, queue = 64 } = options
  requireCount('bulkhead.concurrency', concurrency, 1)
  requireCount('bulkhead.queue', queue, 0)
  return { concurrency, queue }
}
