const QUOTE = 34
const BACKSLASH = 92

/**
 * Whether JSON text nests deeper than `levels`, found before parsing: `JSON.parse` survives a million brackets,
 * but what later walks the value recursively does not.
 */
export function nestsDeeperThan(text: string, levels: number): boolean {
  let depth = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (quoted) {
      if (c === BACKSLASH) i++
      else if (c === QUOTE) quoted = false
    } else if (c === QUOTE) quoted = true
    else if (c === 91 || c === 123) {
      if (++depth > levels) return true
    } else if (c === 93 || c === 125) depth--
  }
  return false
}
