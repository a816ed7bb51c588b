/** What is written in place of a value that could not be read. */
export const THREW = '[threw]'

/** Reads a property that may be a throwing getter, or of a proxy that refuses. */
export function readSafely(source: object, key: PropertyKey): unknown {
  try {
    return Reflect.get(source, key)
  } catch {
    return THREW
  }
}

/** Tells at most `limit` names and values of an object or map; anything else, such as an error, under a name for it. */
export function eachEntry(
  source: unknown,
  limit: number,
  tell: (name: string, value: unknown) => void,
): void {
  if (source === undefined || source === null) return
  try {
    if (source instanceof Error) tell('error', source)
    else if (typeof source !== 'object' || Array.isArray(source)) tell('fields', source)
    else tellMembers(source, limit, tell)
  } catch {
    // A revoked or hostile proxy: the line is worth more than its fields.
    tell('fields', THREW)
  }
}

function tellMembers(
  source: object,
  limit: number,
  tell: (name: string, value: unknown) => void,
): void {
  const isMap = source instanceof Map
  let left = limit
  for (const key of isMap ? source.keys() : Object.keys(source)) {
    if (left-- === 0) break
    tell(String(key), isMap ? source.get(key) : readSafely(source, key))
  }
}

/** A copy of these entries. */
export function copyOf(source: unknown, limit: number): Record<string, unknown> {
  const entries: [string, unknown][] = []
  eachEntry(source, limit, (name, value) => entries.push([name, value]))
  return Object.fromEntries(entries)
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
