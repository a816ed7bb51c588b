import type { Connection } from './http-connection.js'
import { HttpError, problemOf } from './http-error.js'
import {
  type ExchangeLimits,
  exchange,
  type WireAnswer,
  type WireRequest,
} from './http-exchange.js'
import type { Pool } from './http-pool.js'
import { retryableAnswer } from './http-retry.js'
import { isTransient } from './transient.js'

export interface AttemptContext {
  /** The request, for errors. */
  what: string
  pool: Pool
  limits: ExchangeLimits
  idempotent: boolean
}

/** What undici calls an answer that ends before its time. */
const CUT_SHORT = 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'

/** One attempt of a request. @throws HttpError, also for an answer that a later attempt may turn into a better one. */
export async function attemptOver(
  context: AttemptContext,
  request: WireRequest,
  signal: AbortSignal,
): Promise<WireAnswer> {
  const { what, pool, limits, idempotent } = context
  const startedAt = performance.now()
  const progress = { isBegun: false, isAnswered: false }

  async function over(connection: Connection): Promise<WireAnswer> {
    try {
      return await exchange(connection, request, limits, signal, progress)
    } finally {
      pool.release(connection)
    }
  }

  async function send(): Promise<WireAnswer> {
    const connection = pool.take()
    const isKept = connection.answeredAt !== undefined
    try {
      return await over(connection)
    } catch (error) {
      // The peer closed a kept connection just as it was used again, which says nothing about the peer. What may have been
      // taken in is not sent again unless that does no harm.
      const isStale = isKept && !progress.isAnswered && wasClosed(error)
      if (!isStale || signal.aborted || (progress.isBegun && !idempotent)) throw error
      return over(pool.open())
    }
  }

  try {
    const answer = await send()
    const error = retryableAnswer(what, answer)
    if (error) throw error
    return answer
  } catch (error) {
    if (isTransient(error)) pool.doubt(startedAt)
    if (signal.aborted || error instanceof HttpError) throw error
    const transient = isTransient(error) || codeOf(error) === CUT_SHORT
    throw new HttpError(what, problemOf(error), { cause: withoutContent(error), transient })
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? ''
}

function wasClosed(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(codeOf(error))
}

/** undici's parser shows what it choked on. */
function withoutContent(error: unknown): unknown {
  if (error instanceof Error && 'data' in error) delete error.data
  return error
}
