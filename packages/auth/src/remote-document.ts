import { AuthUnavailableError } from './errors.js'
import { tell } from './tell.js'

export interface RemoteDocumentOptions {
  /**
   * Milliseconds for which a document is used as it is. From four fifths of them on it is asked for in the background.
   * @default 600000 (10 minutes)
   */
  freshMs?: number
  /** Milliseconds, from its arrival, for which it is used when the server does not answer. @default 3600000 (an hour) */
  staleMs?: number
  /** Least milliseconds between two requests: after a failure, and for keys that are not known. @default 30000 */
  coolDownMs?: number
  /** Told of each failed request, at most one in `coolDownMs`: for the log. @default none */
  onFailure?: (error: Error) => void
}

export interface RemoteDocument<T> {
  /** @throws AuthUnavailableError when there is none that may still be used. */
  get(): Promise<T>
  /** Asks again now, unless that was done within the cool-down: then undefined. @throws AuthUnavailableError */
  renew(): Promise<T | undefined>
  /** @throws the last failure, until a request succeeds again. */
  check(): void
}

/** The part of its fresh time after which a document is asked for in the background, so that nobody waits at the end. */
const EARLY = 0.8

/**
 * A document of another server that this one must outlive: kept while fresh; asked for once, however many wait; used
 * on for a bounded time when the server is away, and then nobody waits for it: it is asked in the background.
 */
export function remoteDocument<T>(
  load: () => Promise<T>,
  options: Required<RemoteDocumentOptions>,
): RemoteDocument<T> {
  const { freshMs, staleMs, coolDownMs, onFailure } = options
  let current: { value: T; at: number } | undefined
  let failure: Error | undefined
  let askedAt = Number.NEGATIVE_INFINITY
  let asking: Promise<T> | undefined

  function ask(): Promise<T> {
    asking ??= run().finally(() => {
      asking = undefined
    })
    return asking
  }

  async function run(): Promise<T> {
    askedAt = performance.now()
    try {
      const value = await load()
      current = { value, at: performance.now() }
      failure = undefined
      return value
    } catch (error) {
      // From the answer on: a server that hangs would else be asked without a pause.
      askedAt = performance.now()
      const isKnown = error instanceof AuthUnavailableError
      failure = (isKnown && error.cause instanceof Error ? error.cause : error) as Error
      // What another document could not give, it has told itself.
      if (!isKnown) tell(onFailure, failure)
      throw unavailable()
    }
  }

  function restMs(): number {
    return askedAt + coolDownMs - performance.now()
  }

  function unavailable(): AuthUnavailableError {
    return new AuthUnavailableError('the authorization server cannot be used', {
      cause: failure,
      retryAfterMs: restMs(),
    })
  }

  return {
    async get() {
      const ageMs = current ? performance.now() - current.at : Number.POSITIVE_INFINITY
      const usable = current && ageMs < staleMs ? current : undefined
      if (usable && (failure || ageMs < freshMs)) {
        const isDue = failure || ageMs >= EARLY * freshMs
        if (isDue && restMs() <= 0) ask().catch(() => {})
        return usable.value
      }
      if (failure && !asking && restMs() > 0) throw unavailable()
      return usable ? ask().catch(() => usable.value) : ask()
    },
    async renew() {
      if (asking) return asking
      if (restMs() > 0) {
        if (failure) throw unavailable()
        return undefined
      }
      return ask()
    },
    check() {
      if (failure) throw failure
    },
  }
}
