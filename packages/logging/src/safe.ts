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
