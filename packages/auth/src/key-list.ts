import { isKeyId, keyIdOf } from './api-key.js'
import { isScopeToken } from './options.js'

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
}

const DATE_TIME =
  /^(\d{4}-\d{2}-(\d{2}))T(?:[01]\d|2[0-3])(?::[0-5]\d){2}(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/

const RULES: Record<keyof ApiKey, { must: string; holds: (value: unknown) => boolean }> = {
  id: { must: 'be 1 to 64 letters, digits and hyphens', holds: isKeyId },
  hash: { must: 'be a SHA-256 in 64 hex digits', holds: matches(/^[0-9a-f]{64}$/i) },
  principal: { must: 'be 1 to 256 printable characters', holds: matches(/^[^\p{C}]{1,256}$/u) },
  scopes: {
    must: 'be an array of texts without spaces, quotes and backslashes (RFC 6749 section 3.3)',
    holds: (value) => Array.isArray(value) && value.every(isScopeToken),
  },
  expiresAt: {
    must: 'be an ISO 8601 date and time with an offset, such as 2027-01-31T00:00:00Z',
    holds: (value) => value === undefined || isDateTime(value),
  },
}
const KEY_DISCLOSED =
  'holds a key; the list takes only its hash, hashApiKey(key), and this key is disclosed: replace it'

/**
 * Reads keys from JSON: an array of `ApiKey`. A key that has expired is kept (and refused in use), so that
 * a date which passes never stops a restart.
 *
 * @throws TypeError `ERR_AUTH_KEYS` that lists every fault by index and field, without any value.
 */
export function parseApiKeys(json: string): ApiKey[] {
  let list: unknown
  try {
    list = JSON.parse(json)
  } catch {
    // The parser's own message quotes the text, which can hold a key: it goes nowhere, not even as a cause.
    throw keysError(['the text is not valid JSON'])
  }
  return checkApiKeys(list)
}

/** The list in our own form, or one error with all its faults. */
export function checkApiKeys(list: unknown): ApiKey[] {
  if (!Array.isArray(list)) throw keysError(['the list is not an array'])
  if (list.length === 0)
    throw keysError(['the list is empty, so that nobody could call the server'])
  const faults = [...list.flatMap(entryFaults), ...repeated(list, 'id'), ...repeated(list, 'hash')]
  if (faults.length > 0) throw keysError(faults)
  return (list as ApiKey[]).map(({ id, hash, principal, scopes, expiresAt }) => ({
    id,
    hash: hash.toLowerCase(),
    principal,
    scopes: [...scopes],
    ...(expiresAt !== undefined && { expiresAt }),
  }))
}

function entryFaults(entry: unknown, index: number): string[] {
  const at = `keys[${index}]`
  if (!isObject(entry)) return [`${at} must be an object`]
  const unknown = Object.keys(entry)
    .filter((field) => !Object.hasOwn(RULES, field))
    .map((field) => `${at} has an unknown field${nameable(field)}`)
  const broken = Object.entries(RULES).flatMap(([field, { must, holds }]) => {
    const value = entry[field]
    if ([value].flat().some(isKey)) return [`${at}.${field} ${KEY_DISCLOSED}`]
    return holds(value) ? [] : [`${at}.${field} must ${must}`]
  })
  return [...unknown, ...broken]
}

function repeated(list: readonly unknown[], field: 'id' | 'hash'): string[] {
  const first = new Map<string, number>()
  return list.flatMap((entry, index) => {
    const value = isObject(entry) ? entry[field] : undefined
    if (typeof value !== 'string') return []
    const text = field === 'hash' ? value.toLowerCase() : value
    const earlier = first.get(text)
    if (earlier !== undefined) return [`keys[${index}].${field} repeats keys[${earlier}].${field}`]
    first.set(text, index)
    return []
  })
}

/** `Date.parse` alone would take `1`, local times, and 30 February as 2 March. */
function isDateTime(value: unknown): boolean {
  const [text, date, day] = (typeof value === 'string' && DATE_TIME.exec(value)) || []
  if (text === undefined || Number.isNaN(Date.parse(text))) return false
  return new Date(`${date}T00:00:00Z`).getUTCDate() === Number(day)
}

function isKey(value: unknown): boolean {
  return typeof value === 'string' && keyIdOf(value.trim()) !== undefined
}

function matches(pattern: RegExp) {
  return (value: unknown) => typeof value === 'string' && pattern.test(value)
}

/** A field's name helps to find a typing error, unless it is long enough to be a secret itself. */
function nameable(field: string): string {
  return /^\w{1,24}$/.test(field) ? ` "${field}"` : ''
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function keysError(faults: readonly string[]): TypeError {
  const error = new TypeError(
    `@mcp-prod/auth: the API keys are not usable:\n- ${faults.join('\n- ')}`,
  )
  return Object.assign(error, { code: 'ERR_AUTH_KEYS' })
}
