import { AsyncLocalStorage } from 'node:async_hooks'
import { requireOption } from './options.js'

/** W3C headers that tie together what belongs to one request. */
export interface TraceContext {
  traceparent?: string
  tracestate?: string
  baggage?: string
}

export interface Scope {
  /** By `performance.now()`. */
  endsAt: number
  trace: TraceContext
  /** Whether who sent the request asked for less time than it could have. */
  byCaller: boolean
}

/** What the next hop is told, and what `requestDeadline` listens to. */
export const TIMEOUT_HEADER = 'X-Request-Timeout-Ms'

const scopes = new AsyncLocalStorage<Scope>()

/** Runs `work` in a scope that ends no later than the one around it. */
export function inScope<T>(
  timeoutMs: number,
  trace: TraceContext | undefined,
  work: () => T,
  byCaller = false,
): T {
  const outer = scopes.getStore()
  const endsAt = Math.min(performance.now() + timeoutMs, outer?.endsAt ?? Number.POSITIVE_INFINITY)
  const scope = {
    endsAt,
    trace: trace ?? outer?.trace ?? {},
    byCaller: byCaller || outer?.byCaller === true,
  }
  return scopes.run(scope, work)
}

/**
 * Runs `work` with a deadline for everything it calls and awaits: `remainingMs`, `policy` and `outgoingHeaders` go by it. A
 * deadline within another one can only be earlier. It stops nothing by itself.
 *
 * @param timeoutMs milliseconds from now; below 0 counts as 0.
 * @param work is given the whole milliseconds that are really left, 0 when none are.
 * @throws TypeError `ERR_RESILIENCE_OPTION` when `timeoutMs` is not a number.
 */
export function withDeadline<T>(timeoutMs: number, work: (timeoutMs: number) => T): T {
  requireOption(
    typeof timeoutMs === 'number' && !Number.isNaN(timeoutMs),
    'timeoutMs of withDeadline',
    'a number of milliseconds',
    timeoutMs,
  )
  const leftMs = Math.max(0, Math.min(timeoutMs, remainingMs() ?? Number.POSITIVE_INFINITY))
  return inScope(leftMs, undefined, () => work(Math.floor(leftMs)))
}

/** Whole milliseconds until the current deadline, never below 0; undefined without one. */
export function remainingMs(): number | undefined {
  const scope = scopes.getStore()
  if (!scope || scope.endsAt === Number.POSITIVE_INFINITY) return undefined
  return Math.max(0, Math.floor(scope.endsAt - performance.now()))
}

/**
 * Whether the current request has less time than the server would give it, because its sender asked for less: what runs out of
 * that time is no fault of the server's.
 */
export function isCallersDeadline(): boolean {
  return scopes.getStore()?.byCaller === true
}

/**
 * What a call to a further hop should carry: the trace context of the current request, and as `X-Request-Timeout-Ms`
 * what is left of the deadline. Empty outside of both.
 */
export function outgoingHeaders(): Record<string, string> {
  const headers: Record<string, string> = { ...scopes.getStore()?.trace }
  const leftMs = remainingMs()
  // 0 is no budget that one could ask for.
  if (leftMs !== undefined) headers[TIMEOUT_HEADER] = String(Math.max(1, leftMs))
  return headers
}
