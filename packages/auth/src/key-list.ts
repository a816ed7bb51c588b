import { isKeyId } from './api-key.js'
import { checkEntries, type EntryRules, matches, NAME, parseEntries, SCOPES } from './entries.js'

/** One key as the server keeps it. Several may share a principal, so that a key can be replaced without a gap. */
export interface ApiKey {
  /** The public part of the key: 1 to 64 letters, digits and hyphens, unique in the list. */
  id: string
  /** SHA-256 of the whole key, 64 hex digits: `hashApiKey(key)`. */
  hash: string
  /** The id of the user or service that holds the key, 1 to 256 printable characters. */
  principal: string
  /** RFC 6749 scopes the key carries; may be empty. */
  scopes: readonly string[]
  /** ISO 8601 date and time with its offset, such as `2027-01-31T00:00:00Z`; refused from then on. */
  expiresAt?: string
  /** The tenant that the principal belongs to, 1 to 256 printable characters. */
  tenant?: string
}

const DATE_TIME =
  /^(\d{4}-\d{2}-(\d{2}))T(?:[01]\d|2[0-3])(?::[0-5]\d){2}(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/

const RULES: EntryRules = {
  id: { must: 'be 1 to 64 letters, digits and hyphens', holds: isKeyId, required: true },
  hash: {
    must: 'be a SHA-256 in 64 hex digits',
    holds: matches(/^[0-9a-f]{64}$/i),
    required: true,
  },
  principal: { ...NAME, required: true },
  scopes: { ...SCOPES, required: true },
  expiresAt: {
    must: 'be an ISO 8601 date and time with an offset, such as 2027-01-31T00:00:00Z',
    holds: isDateTime,
  },
  tenant: NAME,
}

/**
 * Reads keys from JSON: an array of `ApiKey`. A key that has expired is kept (and refused in use), so that
 * a date which passes never stops a restart.
 *
 * @throws TypeError `ERR_AUTH_KEYS` that lists every fault by index and field, without any value.
 */
export function parseApiKeys(json: string): ApiKey[] {
  return checkApiKeys(parseEntries('KEYS', json))
}

/** The list as a copy of ours, or one error with all its faults. */
export function checkApiKeys(list: unknown): ApiKey[] {
  const keys = checkEntries<ApiKey>('KEYS', list, RULES, ['id', 'hash'])
  return keys.map((key) => ({ ...key, hash: key.hash.toLowerCase() }))
}

/** `Date.parse` alone would take `1`, local times, and 30 February as 2 March. */
function isDateTime(value: unknown): boolean {
  const [text, date, day] = (typeof value === 'string' && DATE_TIME.exec(value)) || []
  if (text === undefined || Number.isNaN(Date.parse(text))) return false
  return new Date(`${date}T00:00:00Z`).getUTCDate() === Number(day)
}
