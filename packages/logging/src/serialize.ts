import { types } from 'node:util'
import { isUsual, type Redactor } from './redact.js'
import { THREW } from './safe.js'
import { capped, jsonText } from './text.js'

const MAX_DEPTH = 6
const MAX_ENTRIES = 100
const MAX_TEXT_CHARS = 8192
const MAX_LINE_CHARS = 65_536

const SECRET = '"[redacted]"'

/** Writes the values of one line as JSON text; they share one budget of characters. Never throws. */
export interface Serializer {
  /** The budget is that of a new line. */
  begin(): void
  /** The JSON text of a string: redacted, capped, safe for one line. */
  text(value: string): string
  /** `,"key":value` as JSON text; empty when there is no value. */
  member(key: string, value: unknown): string
}

/** @returns for each line a serializer that has begun: the same one, unless a getter of a line's field writes a line itself. */
export function serializers(redactor: Redactor) {
  let free: Serializer | undefined
  return {
    take(): Serializer {
      const serializer = free ?? createSerializer(redactor)
      free = undefined
      serializer.begin()
      return serializer
    },
    giveBack(serializer: Serializer): void {
      free = serializer
    },
  }
}

function createSerializer(redactor: Redactor): Serializer {
  const above: object[] = []
  let left = MAX_LINE_CHARS

  function text(raw: string): string {
    const maxChars = Math.min(MAX_TEXT_CHARS, Math.max(left, 0))
    const isPlain = raw.length <= maxChars && isUsual(raw)
    const json = isPlain ? `"${raw}"` : jsonText(capped(raw, maxChars, redactor.text))
    left -= json.length
    return json
  }

  function value(raw: unknown, path: string): string {
    if (left <= 0) return '"[cut]"'
    if (typeof raw === 'string') return text(raw)
    left -= 8
    if (raw === null || raw === undefined) return 'null'
    if (typeof raw === 'boolean' || Number.isFinite(raw)) return String(raw)
    if (typeof raw === 'function') return '"[function]"'
    if (typeof raw !== 'object') return text(String(raw))
    try {
      return object(raw, path)
    } catch {
      return `"${THREW}"`
    }
  }

  function object(raw: object, path: string): string {
    if (above.includes(raw)) return '"[circular]"'
    if (ArrayBuffer.isView(raw) || types.isAnyArrayBuffer(raw)) return `"[${raw.byteLength} bytes]"`
    if (types.isRegExp(raw)) return text(String(raw))
    if (above.length >= MAX_DEPTH) return Array.isArray(raw) ? '"[array]"' : '"[object]"'
    above.push(raw)
    try {
      if (Array.isArray(raw)) return list(raw, raw.length, path)
      if (types.isSet(raw)) return list(raw, raw.size, path)
      if (types.isMap(raw)) return members(raw.keys(), raw.size, (key) => raw.get(key), path)
      const read = (key: unknown) => Reflect.get(raw, key as string)
      const isError = raw instanceof Error || types.isNativeError(raw)
      if (!isError && typeof read('toJSON') === 'function')
        return value((raw as Date).toJSON(), path)
      const keys = isError ? errorKeys(raw) : Object.keys(raw)
      return members(keys, keys.length, read, path)
    } finally {
      above.pop()
    }
  }

  function list(items: Iterable<unknown>, count: number, path: string): string {
    const parts: string[] = []
    let secret = false
    for (const item of items) {
      if (parts.length >= MAX_ENTRIES || left <= 0) {
        parts.push(`"[${count - parts.length} more]"`)
        break
      }
      parts.push(secret ? SECRET : value(item, path))
      // Raw headers and entries are lists of `name, value`: what follows a secret's name is the secret.
      secret = !secret && typeof item === 'string' && item.length < 64 && redactor.key(item).secret
    }
    return `[${parts.join(',')}]`
  }

  function members(
    keys: Iterable<unknown>,
    count: number,
    read: (key: unknown) => unknown,
    path: string,
  ): string {
    let text = ''
    let written = 0
    for (const key of keys) {
      if (written >= MAX_ENTRIES || left <= 0) {
        text += `,"...":"[${count - written} more]"`
        break
      }
      const name = typeof key === 'object' ? '[object]' : String(key)
      const part = member(name, attempt(read, key), path)
      if (part !== '') written++
      text += part
    }
    return `{${text.slice(1)}}`
  }

  function member(name: string, raw: unknown, above: string): string {
    const key = redactor.key(name)
    left -= key.start.length
    if (raw === undefined) return ''
    const path = redactor.pathTo(above, name)
    const secret = (key.secret || redactor.isSecretPath(path)) && !isHarmless(name, raw)
    return key.start + (secret ? SECRET : value(raw, path))
  }

  function begin(): void {
    left = MAX_LINE_CHARS
    above.length = 0
  }

  return { begin, text, member: (key, raw) => member(key, raw, '') }
}

function attempt(read: (key: unknown) => unknown, key: unknown): unknown {
  try {
    return read(key)
  } catch {
    return THREW
  }
}

/** The properties of an error are mostly not enumerable; a library's own, such as `errno`, are. */
function errorKeys(error: object): string[] {
  return [
    ...new Set(['name', 'message', 'code', 'stack', ...Object.keys(error), 'cause', 'errors']),
  ]
}

/** That there is a password, or none, is no secret; nor is a count such as `maxTokens`. */
function isHarmless(name: string, value: unknown): boolean {
  return (
    value === null ||
    typeof value === 'boolean' ||
    (typeof value === 'number' && /tokens$/i.test(name))
  )
}
