type Json = null | boolean | number | string | Json[] | JsonObject
export interface JsonObject {
  [key: string]: Json
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Lays `over` upon `base`: objects key by key, arrays joined without duplicates, anything else replaced. */
export function mergeJson(base: Json, over: Json): Json {
  if (Array.isArray(base) && Array.isArray(over)) {
    const known = new Set(base.map((item) => JSON.stringify(item)))
    return [...base, ...over.filter((item) => !known.has(JSON.stringify(item)))]
  }
  if (!isObject(base) || !isObject(over)) return over
  const merged = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key]
    merged[key] = below === undefined ? value : mergeJson(below, value)
  }
  return merged
}

/** Two spaces and a newline, as npm writes it; dependencies in npm's order. */
export function formatJson(value: Json): string {
  return `${JSON.stringify(sortDependencies(value), null, 2)}\n`
}

function sortDependencies(value: Json): Json {
  if (!isObject(value)) return value
  const sorted = { ...value }
  for (const key of ['dependencies', 'devDependencies']) {
    const list = sorted[key]
    if (isObject(list)) {
      sorted[key] = Object.fromEntries(Object.entries(list).sort(([a], [b]) => (a < b ? -1 : 1)))
    }
  }
  return sorted
}

/** @throws Error naming `where` when the text is not a JSON object. */
export function parseObject(text: string, where: string): JsonObject {
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`)
  }
  if (!isObject(value)) throw new Error(`${where}: not a JSON object`)
  return value
}
