import type { IncomingHttpHeaders } from 'node:http'
import { HttpError } from './http-error.js'
import type { WireAnswer } from './http-exchange.js'

/** Answers that a later attempt may turn into better ones. */
const RETRYABLE = new Set([408, 429, 500, 502, 503, 504])
/** What an error of `retryableAnswer` was made of. */
const answers = new WeakMap<object, WireAnswer>()

/** What makes the policy try again, or undefined where the answer is one to return. */
export function retryableAnswer(what: string, answer: WireAnswer): HttpError | undefined {
  const { status, headers } = answer
  if (status < 500 && !RETRYABLE.has(status)) return undefined
  const error = new HttpError(what, `answered with status ${status}`, {
    transient: RETRYABLE.has(status),
    status,
    retryAfterMs: retryAfterMs(headers),
  })
  answers.set(error, answer)
  return error
}

/** The answer, when that is all an error is about. */
export function answerOf(error: unknown): WireAnswer | undefined {
  return typeof error === 'object' && error !== null ? answers.get(error) : undefined
}

/** RFC 9110 §10.2.3: seconds or a date; undefined for anything else. */
export function retryAfterMs(headers: IncomingHttpHeaders): number | undefined {
  const value = String(headers['retry-after'] ?? '').trim()
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  // Against the clock of whoever wrote it, where that is known.
  const now = Date.parse(String(headers.date ?? ''))
  const waitMs = Date.parse(value) - (Number.isNaN(now) ? Date.now() : now)
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs)
}
