import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { keyIdOf } from './api-key.js'
import { REDACTED, type TokenVerifier } from './auth-info.js'
import { InvalidTokenError } from './errors.js'
import { type ApiKey, checkApiKeys } from './key-list.js'

/** A verifier whose keys can be exchanged while it works. */
export interface ApiKeyVerifier extends TokenVerifier {
  /**
   * Puts another list in place of the present one, for the next request on: a key left out is refused from then on.
   *
   * @throws TypeError `ERR_AUTH_KEYS` for a faulty list; the present one then stays.
   */
  replace(keys: readonly ApiKey[]): void
}

/**
 * Verifies API keys: finds the entry by the id in the key, then compares SHA-256 hashes in constant time.
 * A key is refused from its `expiresAt` on; the clock is read at each use.
 *
 * @throws TypeError `ERR_AUTH_KEYS` when the list is empty or an entry is faulty.
 */
export function apiKeys(keys: readonly ApiKey[]): ApiKeyVerifier {
  let entries = entriesOf(keys)
  const nobody = randomBytes(32)

  function verifyApiKey(token: string) {
    const entry = entries.get(keyIdOf(token) ?? '')
    const presented = createHash('sha256').update(token).digest()
    // An unknown id costs the same work as a wrong secret, so that time does not tell which ids exist.
    const equal = timingSafeEqual(presented, entry?.digest ?? nobody)
    if (!equal || !entry) return undefined
    const { id, principal, scopes, expiresAtMs, tenant } = entry
    // Only who has the key is told apart, and only in the log.
    if (expiresAtMs !== undefined && Date.now() >= expiresAtMs)
      throw new InvalidTokenError('expired')
    // A fresh array for each request: a handler that adds a scope to its own must not add it to every later one.
    return {
      token: REDACTED,
      clientId: id,
      scopes: [...scopes],
      ...(expiresAtMs !== undefined && { expiresAt: Math.floor(expiresAtMs / 1000) }),
      extra: { principal, ...(tenant !== undefined && { tenant }) },
    }
  }

  return Object.assign(verifyApiKey, {
    replace(next: readonly ApiKey[]) {
      entries = entriesOf(next)
    },
  })
}

function entriesOf(keys: readonly ApiKey[]) {
  return new Map(
    checkApiKeys(keys).map((key) => {
      const expiresAtMs = key.expiresAt === undefined ? undefined : Date.parse(key.expiresAt)
      return [key.id, { ...key, digest: Buffer.from(key.hash, 'hex'), expiresAtMs }] as const
    }),
  )
}
