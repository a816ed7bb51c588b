/** What is written in place of a value that could not be read. */
export const THREW = '[threw]'

/** Reads a property that may be a throwing getter, or of a proxy that refuses. */
export function readSafely(source: object, key: PropertyKey): unknown {
  try {
    return (source as Record<PropertyKey, unknown>)[key]
  } catch {
    return THREW
  }
}

/** Names, and where their values are. */
interface Fields {
  names: string[]
  from: object
  /** Of a map, in the order of the names; else they are read when they are needed. */
  values?: unknown[]
}

const NOTHING: Fields = { names: [], from: {} }
const UNREADABLE: Fields = { names: ['fields'], from: { fields: THREW } }

/** At most `limit` names of an object or map; anything else, such as an error, has a name here. */
export function fieldsOf(source: unknown, limit: number): Fields {
  if (source === undefined || source === null) return NOTHING
  try {
    if (source instanceof Error) return { names: ['error'], from: { error: source } }
    if (typeof source !== 'object' || Array.isArray(source))
      return { names: ['fields'], from: { fields: source } }
    if (source instanceof Map) return fieldsOfMap(source, limit)
    const names = Object.keys(source)
    return { names: names.length > limit ? names.slice(0, limit) : names, from: source }
  } catch {
    // A revoked or hostile proxy: the line is worth more than its fields.
    return UNREADABLE
  }
}

function fieldsOfMap(source: Map<unknown, unknown>, limit: number): Fields {
  const names: string[] = []
  const values: unknown[] = []
  try {
    for (const [key, value] of source) {
      if (names.length === limit) break
      names.push(String(key))
      values.push(value)
    }
  } catch {
    // A key that is no text.
    names.push('fields')
    values.push(THREW)
  }
  return { names, from: source, values }
}

/** Reads the value of one of the names. */
export function valueAt({ names, from, values }: Fields, i: number): unknown {
  return values ? values[i] : readSafely(from, names[i] ?? '')
}

/** A copy of these entries. */
export function copyOf(source: unknown, limit: number): Record<string, unknown> {
  const fields = fieldsOf(source, limit)
  return Object.fromEntries(fields.names.map((name, i) => [name, valueAt(fields, i)]))
}

/** Says what else belongs on a line: asked for each line that is written, in the async context of who logs it. */
export type ContextFields = () => object | undefined

const MAX_CONTEXT_FIELDS = 32

/** A copy, for the line may be made later; nothing when the function throws. */
export function contextEntries(contextFields: ContextFields | undefined): object | undefined {
  if (!contextFields) return undefined
  try {
    const fields = contextFields()
    return fields && copyOf(fields, MAX_CONTEXT_FIELDS)
  } catch {
    // The line is worth more than its context.
    return undefined
  }
}
