import { LRUCache } from 'lru-cache'
import type { AuthInfo } from './auth-info.js'
import { InvalidTokenError } from './errors.js'

export interface TokenCacheOptions {
  cacheMs: number
  refusedCacheMs: number
  maxCached: number
}

export interface TokenCache {
  /** @throws InvalidTokenError for a token that was refused a moment ago. */
  find(hash: string): AuthInfo | undefined
  accept(hash: string, info: AuthInfo): void
  refuse(hash: string, reason: string): void
}

/** What was said of tokens, by their hashes. Two caches, so that invented tokens cannot push out the real ones. */
export function tokenCache({ cacheMs, refusedCacheMs, maxCached }: TokenCacheOptions): TokenCache {
  // The clock is read at each look: a token must not outlive its time, however little.
  const limits = { max: maxCached, ttlResolution: 0 }
  const accepted = new LRUCache<string, AuthInfo>(limits)
  const refused = new LRUCache<string, string>(limits)

  return {
    find(hash) {
      const info = accepted.get(hash)
      // By the wall clock too: a machine that slept has not counted the time.
      if (info && restMs(info) > 0) return info
      const reason = refused.get(hash)
      if (reason !== undefined) throw new InvalidTokenError(reason)
      return undefined
    },
    accept(hash, info) {
      const ttl = Math.floor(Math.min(cacheMs, restMs(info)))
      if (ttl > 0) accepted.set(hash, info, { ttl })
    },
    refuse(hash, reason) {
      if (refusedCacheMs > 0) refused.set(hash, reason, { ttl: refusedCacheMs })
    },
  }
}

function restMs({ expiresAt = Number.POSITIVE_INFINITY }: AuthInfo): number {
  return expiresAt * 1000 - Date.now()
}
