import { type createLocalJWKSet, errors, type JWTHeaderParameters } from 'jose'
import { AuthUnavailableError, InvalidTokenError } from './errors.js'

/** Of a token that names no key, so many are tried. */
const MAX_CANDIDATES = 8
/** A broken key stays so until the set is fetched again. */
const BROKEN_KEY_RETRY_MS = 60_000

export type KeySet = ReturnType<typeof createLocalJWKSet>

/** A key that a signature may be checked with; more than one where the token does not say which. */
export type VerificationKey = Awaited<ReturnType<KeySet>>

/** The keys of a set that fit a token's header; undefined when there is none. */
export async function candidates(
  keySet: KeySet,
  header: JWTHeaderParameters,
): Promise<VerificationKey[] | undefined> {
  try {
    return [await keySet(header, { payload: '', signature: '' })]
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return undefined
    if (error instanceof errors.JWKSMultipleMatchingKeys) return firstOf(error)
    if (error instanceof errors.JOSEError) throw new InvalidTokenError('key', { cause: error })
    // The key itself is broken, and that is the server's fault, not the caller's.
    throw new AuthUnavailableError('a key of the authorization server cannot be used', {
      cause: error,
      retryAfterMs: BROKEN_KEY_RETRY_MS,
    })
  }
}

async function firstOf(keys: AsyncIterable<VerificationKey>): Promise<VerificationKey[]> {
  const found: VerificationKey[] = []
  for await (const key of keys) if (found.push(key) >= MAX_CANDIDATES) break
  return found
}

export function noSuchKey(): never {
  throw new InvalidTokenError('key')
}
