const SPACE = 32
const QUOTE = 34
const COMMA = 44
const COLON = 58
const BACKSLASH = 92

export interface Measures {
  /** Deepest nesting of objects and arrays. */
  maxDepth: number
  /** Members of all objects together. */
  maxKeys: number
  /** Members and items of all objects and arrays together. */
  maxItems: number
}

/**
 * What JSON text has too much of, found before parsing. `JSON.parse` survives a million brackets, but what walks the
 * value recursively does not; and 4 MiB of distinct keys cost seconds once a schema looks at each of them.
 */
export function excessOf(text: string, measures: Measures): string | undefined {
  const { maxDepth, maxKeys, maxItems } = measures
  let depth = 0
  let keys = 0
  let items = 0
  let quoted = false
  let opened = false
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (quoted) {
      if (c === BACKSLASH) i++
      else if (c === QUOTE) quoted = false
      continue
    }
    if (c <= SPACE) continue
    const opens = c === 91 || c === 123
    const closes = c === 93 || c === 125
    // Commas alone would miss the one item of each list in [[1],[1]], and 4 MiB can hold two million such lists.
    if ((c === COMMA || (opened && !closes)) && ++items > maxItems) {
      return `has more than ${maxItems} items`
    }
    opened = opens
    if (c === QUOTE) quoted = true
    else if (opens) {
      if (++depth > maxDepth) return `nests deeper than ${maxDepth} levels`
    } else if (closes) depth--
    else if (c === COLON && ++keys > maxKeys) {
      return `has more than ${maxKeys} members in its objects`
    }
  }
  return undefined
}
