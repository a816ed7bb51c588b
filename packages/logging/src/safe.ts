/** What is written in place of a value that could not be read. */
const THREW = '[threw]'

/** Reads a property that may be a throwing getter, or of a proxy that refuses. */
export function readSafely(source: object, key: PropertyKey): unknown {
  try {
    return Reflect.get(source, key)
  } catch {
    return THREW
  }
}

/** At most `limit` names and values of an object or map; anything else, such as an error, under a name for it. */
export function entriesOf(source: unknown, limit: number): [string, unknown][] {
  if (source === undefined || source === null) return []
  const entries: [string, unknown][] = []
  try {
    if (source instanceof Error) return [['error', source]]
    if (typeof source !== 'object' || Array.isArray(source)) return [['fields', source]]
    const isMap = source instanceof Map
    for (const key of isMap ? source.keys() : Object.keys(source)) {
      if (entries.length >= limit) break
      entries.push([String(key), isMap ? source.get(key) : readSafely(source, key)])
    }
  } catch {
    // A revoked or hostile proxy: the line is worth more than its fields.
    entries.push(['fields', THREW])
  }
  return entries
}

/** Says what else belongs on a line: asked for each line that is written, in the async context of who logs it. */
export type ContextFields = () => object | undefined

const MAX_CONTEXT_FIELDS = 32

/** A copy, for the line may be made later; nothing when the function throws. */
export function contextEntries(contextFields: ContextFields | undefined): object | undefined {
  if (!contextFields) return undefined
  try {
    const fields = contextFields()
    return fields && Object.fromEntries(entriesOf(fields, MAX_CONTEXT_FIELDS))
  } catch {
    // The line is worth more than its context.
    return undefined
  }
}
