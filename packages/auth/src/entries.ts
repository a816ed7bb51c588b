import { isScopeToken } from './options.js'

/** What one field of an entry must be; a missing field is judged only when it is required. */
interface Rule {
  must: string
  holds: (value: unknown) => boolean
  required?: boolean
}
export type EntryRules = Readonly<Record<string, Rule>>

type Kind = 'KEYS' | 'CERTIFICATES'
const LISTS = { KEYS: 'API keys', CERTIFICATES: 'client certificates' }

/** Of a principal or a tenant. */
export const NAME: Rule = {
  must: 'be 1 to 256 printable characters',
  holds: matches(/^[^\p{C}\p{Zl}\p{Zp}]{1,256}$/u),
}
export const SCOPES: Rule = {
  must: 'be an array of texts without spaces, quotes and backslashes (RFC 6749 section 3.3)',
  holds: (value) => Array.isArray(value) && value.every(isScopeToken),
}

/** A key anywhere in a text. Names of one's own may begin like one, such as `mcp_prod_reader`: its length tells. */
const KEY = /mcp_[A-Za-z0-9-]{1,64}_[\w-]{43}/
const KEY_DISCLOSED =
  'holds a key; the list takes only its hash, hashApiKey(key), and this key is disclosed: replace it'

/** @throws TypeError `ERR_AUTH_KEYS` or `ERR_AUTH_CERTIFICATES` */
export function parseEntries(kind: Kind, json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    // The parser's own message quotes the text, which can hold a key: it goes nowhere, not even as a cause.
    throw listError(kind, ['the text is not valid JSON'])
  }
}

/**
 * A list whose every entry has just the fields of `rules`, each as it must be.
 *
 * @throws TypeError with every fault by index and field, without any value.
 */
export function checkEntries<Entry>(
  kind: Kind,
  list: unknown,
  rules: EntryRules,
  unique: readonly string[],
): Entry[] {
  if (!Array.isArray(list)) throw listError(kind, ['the list is not an array'])
  if (list.length === 0) {
    throw listError(kind, ['the list is empty, so that nobody could call the server'])
  }
  const prefix = kind.toLowerCase()
  const faults = [
    ...list.flatMap((entry, index) => entryFaults(`${prefix}[${index}]`, entry, rules)),
    ...unique.flatMap((field) => repeated(prefix, list, field)),
  ]
  if (faults.length > 0) throw listError(kind, faults)
  return list.map((entry) => structuredClone(entry) as Entry)
}

export function matches(pattern: RegExp) {
  return (value: unknown) => typeof value === 'string' && pattern.test(value)
}

function entryFaults(at: string, entry: unknown, rules: EntryRules): string[] {
  if (!isObject(entry)) return [`${at} must be an object`]
  const unknown = Object.keys(entry)
    .filter((field) => !Object.hasOwn(rules, field))
    .map((field) => `${at} has an unknown field${nameable(field)}`)
  const broken = Object.entries(rules).flatMap(([field, { must, holds, required }]) => {
    const value = Object.hasOwn(entry, field) ? entry[field] : undefined
    if ([value].flat().some(matches(KEY))) return [`${at}.${field} ${KEY_DISCLOSED}`]
    const fits = value === undefined ? !required : holds(value)
    return fits ? [] : [`${at}.${field} must ${must}`]
  })
  return [...unknown, ...broken]
}

function repeated(prefix: string, list: readonly unknown[], field: string): string[] {
  const first = new Map<string, number>()
  return list.flatMap((entry, index) => {
    const value = isObject(entry) ? entry[field] : undefined
    if (typeof value !== 'string') return []
    // Hex digits come in either case.
    const text = field === 'hash' ? value.toLowerCase() : value
    const earlier = first.get(text)
    if (earlier !== undefined) {
      return [`${prefix}[${index}].${field} repeats ${prefix}[${earlier}].${field}`]
    }
    first.set(text, index)
    return []
  })
}

/** A field's name helps to find a typing error, unless it is long enough to be a secret itself. */
function nameable(field: string): string {
  return /^\w{1,24}$/.test(field) ? ` "${field}"` : ''
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function listError(kind: Kind, faults: readonly string[]): TypeError {
  const error = new TypeError(
    `@mcp-prod/auth: the ${LISTS[kind]} are not usable:\n- ${faults.join('\n- ')}`,
  )
  return Object.assign(error, { code: kind === 'KEYS' ? 'ERR_AUTH_KEYS' : 'ERR_AUTH_CERTIFICATES' })
}
