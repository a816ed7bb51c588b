import { sendRpcError } from '@mcp-prod/rpc'
import type { RequestHandler } from 'express'
import { inScope, TIMEOUT_HEADER } from './deadline.js'
import { requireHeaderName, requireMilliseconds } from './options.js'
import { traceContextOf } from './trace-context.js'

export interface RequestDeadlineOptions {
  /** Milliseconds that a request may take at most, whatever its sender asks for. @default 30000 */
  maxMs?: number
  /** The header in which a sender says how many milliseconds it will wait. @default 'X-Request-Timeout-Ms' */
  header?: string
}

/** Up to eleven days; more digits are no time that anyone waits. */
const BUDGET = /^[1-9][0-9]{0,8}$/

/**
 * Gives everything behind it the deadline and the trace context of the request. Mount it after `jsonBody()`. The time
 * counts from here. A header that is no time is answered with 400, so that no sender believes in a deadline that is not kept.
 *
 * @throws TypeError `ERR_RESILIENCE_OPTION`
 */
export function requestDeadline(options: RequestDeadlineOptions = {}): RequestHandler {
  const { maxMs = 30_000, header = TIMEOUT_HEADER } = options
  requireMilliseconds('maxMs', maxMs)
  requireHeaderName('header', header)
  const key = header.toLowerCase()

  return function requestDeadlineMiddleware(req, res, next) {
    const given = req.headersDistinct[key]
    const [budget = String(maxMs)] = given ?? []
    if ((given && given.length > 1) || !BUDGET.test(budget)) {
      sendRpcError(req, res, 400, {
        code: 400,
        message: `Bad Request: ${header} must be one whole number of milliseconds from 1 to 999999999`,
      })
      return
    }
    const askedMs = Number(budget)
    inScope(Math.min(askedMs, maxMs), traceContextOf(req), next, askedMs < maxMs)
  }
}
