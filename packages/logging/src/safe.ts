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

const NOTHING = { from: {}, names: [] }

/** Names of an object or map, at most `limit`, and where to read them; anything else, such as an error, has a name here. */
export function fieldsOf(source: unknown, limit: number): { from: object; names: string[] } {
  if (source === undefined || source === null) return NOTHING
  try {
    if (source instanceof Error) return { from: { error: source }, names: ['error'] }
    if (typeof source !== 'object' || Array.isArray(source))
      return { from: { fields: source }, names: ['fields'] }
    const from = source instanceof Map ? fromMap(source, limit) : source
    const names = Object.keys(from)
    return { from, names: names.length > limit ? names.slice(0, limit) : names }
  } catch {
    // A revoked or hostile proxy: the line is worth more than its fields.
    return { from: { fields: THREW }, names: ['fields'] }
  }
}

function fromMap(source: Map<unknown, unknown>, limit: number): object {
  const from: Record<string, unknown> = Object.create(null)
  let left = limit
  for (const [key, value] of source) {
    if (left-- === 0) break
    from[String(key)] = value
  }
  return from
}

/** A copy of these entries. */
export function copyOf(source: unknown, limit: number): Record<string, unknown> {
  const { from, names } = fieldsOf(source, limit)
  return Object.fromEntries(names.map((name) => [name, readSafely(from, name)]))
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
