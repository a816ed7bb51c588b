/** A cut text loses its last word, up to this length: half a secret no longer has a secret's shape. */
const MAX_WORD_CHARS = 4096

/** What JSON leaves as it is and a terminal or a line reader may obey: C1 controls, U+2028/2029, bidi overrides. */
const UNSAFE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

/** JSON text in which what could break the line or change how it is shown is escaped. It parses to the same value. */
export function jsonText(text: string): string {
  return JSON.stringify(text).replace(
    UNSAFE,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** The first `maxChars` of a text without its secrets; does not look further than one word past the end. */
export function capped(text: string, maxChars: number, redact: (text: string) => string): string {
  const window = maxChars + MAX_WORD_CHARS
  const clean = redact(text.length > window ? withoutLastWord(text.slice(0, window)) : text)
  if (clean.length <= maxChars && text.length <= window) return clean
  return `${clean.slice(0, maxChars)}[cut, ${text.length} characters]`
}

function withoutLastWord(text: string): string {
  let end = text.length
  while (end > text.length - MAX_WORD_CHARS && !/\s/.test(text.charAt(end - 1))) end--
  return text.slice(0, end)
}
