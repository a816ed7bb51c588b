import { FullError } from './errors.js'
import { connectionsTo } from './http-connection.js'
import { HttpError } from './http-error.js'
import type { HttpClientSettings } from './http-options.js'
import { type Pool, pool } from './http-pool.js'
import type { Target } from './http-target.js'
import { type Policy, policy } from './policy.js'

/** One of the servers that requests go to, with what keeps its trouble from the others. */
export interface Origin {
  policy: Policy
  pool: Pool
  /** Requests under way. */
  uses: number
}

export interface Origins {
  /** Runs work with the origin of a target. @throws FullError when no further one may be had. */
  use<T>(target: Target, work: (origin: Origin) => Promise<T>): Promise<T>
  all(): [string, Origin][]
}

/** Keeps as many as may be: callers choose the hosts, and nothing may grow with that. */
export function origins(settings: HttpClientSettings): Origins {
  const { name, maxOrigins } = settings
  // A map keeps its order, here that of the last use.
  const known = new Map<string, Origin>()

  function makeRoom() {
    if (known.size < maxOrigins) return
    for (const [key, { uses, pool, policy }] of known) {
      if (uses > 0) continue
      known.delete(key)
      pool.destroy()
      policy.close()
      return
    }
    throw new FullError(`${name} (${maxOrigins} origins)`)
  }

  function originOf({ url, rules }: Target): Origin {
    const key = url.origin
    const origin = known.get(key)
    if (!origin) makeRoom()
    known.delete(key)
    const entry = origin ?? {
      policy: policyOf(settings, key),
      pool: pool(
        connectionsTo(key, { ...settings.connection, rules }),
        settings.maxConnectionAgeMs,
      ),
      uses: 0,
    }
    known.set(key, entry)
    return entry
  }

  return {
    async use(target, work) {
      const origin = originOf(target)
      origin.uses++
      try {
        return await work(origin)
      } finally {
        origin.uses--
      }
    },
    all: () => [...known],
  }
}

function policyOf(settings: HttpClientSettings, origin: string): Policy {
  const { name, connections, queue, onEvent } = settings
  const { timeout, retry, breaker = {} } = settings.policy
  return policy(`${name} (${origin})`, {
    timeout,
    retry,
    breaker: breaker && { isFailure, isSuccess: isAnswer, ...breaker },
    bulkhead: { concurrency: connections, queue },
    // By the client's name: what is labelled with it must not grow with the hosts.
    onEvent: onEvent && ((event) => onEvent({ ...event, policy: name, origin })),
  })
}

/** An answer below 500 comes from a server that works, also when it asks to try again later. */
function isAnswer(error: unknown): boolean {
  return error instanceof HttpError && error.status !== undefined && error.status < 500
}

function isFailure(error: unknown): boolean {
  return !isAnswer(error)
}
