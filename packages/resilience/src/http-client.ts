import type { BreakerState } from './breaker.js'
import { type HttpAnswer, httpAnswer } from './http-answer.js'
import { attemptOver } from './http-attempt.js'
import { HttpError } from './http-error.js'
import type { WireAnswer } from './http-exchange.js'
import {
  type HttpClientOptions,
  type HttpClientSettings,
  readHttpClientOptions,
} from './http-options.js'
import { type Origin, origins } from './http-origins.js'
import { type HttpRequest, type ReadRequest, readRequest } from './http-request.js'
import { answerOf } from './http-retry.js'
import { targets } from './http-target.js'
import type { PolicyAttempt } from './policy.js'
import { sendWithinTrace } from './trace.js'

export interface OriginStats {
  origin: string
  state: BreakerState
  /** Requests under way. */
  running: number
  /** Requests that wait for a connection. */
  queued: number
  /** In use or kept. */
  connections: number
}

export interface HttpClient {
  /**
   * Sends a request and gives its answer, whatever its status; redirects are not followed.
   *
   * @throws HttpError when it is refused or there is no usable answer; TimeoutError, OpenError, FullError; the reason of
   * the caller's signal.
   */
  request(url: string | URL, init?: HttpRequest): Promise<HttpAnswer>
  /** For health checks that send nothing themselves. @throws OpenError while the breaker of an origin is open. */
  check(): void
  readonly stats: OriginStats[]
  /** Takes no more requests, lets those under way end, for at most `timeout.totalMs`, and leaves nothing open. */
  close(): Promise<void>
}

/**
 * An HTTP client in which nothing is without a bound: time, connections, waiting requests, bytes, retries. Each origin has
 * a breaker and connections of its own. It connects to public addresses over https unless told otherwise.
 *
 * @throws TypeError `ERR_RESILIENCE_OPTION` for wrong options.
 */
export function httpClient(name: string, options: HttpClientOptions = {}): HttpClient {
  const settings = readHttpClientOptions(name, options)
  const targetOf = targets(name, settings.target)
  const known = origins(settings)
  const running = new Set<Promise<unknown>>()
  let closing: Promise<void> | undefined

  async function send(url: string | URL, init: HttpRequest): Promise<HttpAnswer> {
    const target = targetOf(url)
    const request = readRequest(name, target.url, init, settings.headers)
    if (closing) throw new HttpError(request.what, 'refused, the client is closed')
    const answer = await known.use(target, (origin) => run(origin, request, settings))
    return httpAnswer(request.what, answer)
  }

  async function end(): Promise<void> {
    await settled(running, settings.totalMs)
    await Promise.all(known.all().map(([, { pool }]) => pool.destroy()))
    for (const [, { policy }] of known.all()) policy.close()
  }

  return {
    request(url, init = {}) {
      const sending = send(url, init)
      running.add(sending)
      const forget = () => running.delete(sending)
      sending.then(forget, forget)
      return sending
    },
    check() {
      for (const [, { policy }] of known.all()) policy.check()
    },
    get stats() {
      return known.all().map(statsOf)
    },
    close: () => {
      closing ??= end()
      return closing
    },
  }
}

async function run(
  { policy, pool }: Origin,
  { what, wire, url, method, idempotent, signal }: ReadRequest,
  { name, limits, trace }: HttpClientSettings,
): Promise<WireAnswer> {
  const context = { what, pool, limits, idempotent }
  function attempt({ signal, number }: PolicyAttempt): Promise<WireAnswer> {
    if (!trace) return attemptOver(context, wire(), signal)
    return sendWithinTrace(trace, { client: name, method, url, attempt: number }, async (headers) =>
      attemptOver(context, wire(headers), signal),
    )
  }
  try {
    return await policy.run(attempt, { signal, idempotent })
  } catch (error) {
    // Attempts are used up: the last answer is better than an error about it.
    const last = answerOf(error)
    if (last) return last
    throw error
  }
}

/** Resolves when all have ended, or the time is over. */
async function settled(promises: Iterable<Promise<unknown>>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, timeoutMs)
  })
  await Promise.race([Promise.allSettled(promises), late])
  clearTimeout(timer)
}

function statsOf([origin, { policy, pool }]: [string, Origin]): OriginStats {
  const { state, running, queued } = policy
  return { origin, state, running, queued, connections: pool.size }
}
