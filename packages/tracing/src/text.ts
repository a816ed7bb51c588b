// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
const CONTROL = /[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** A caller's text, of bounded length and without what moves a terminal's cursor or a line's direction. */
export function clean(text: string, maxChars: number): string {
  return text.slice(0, maxChars).replace(CONTROL, '\ufffd')
}

const WORD = /^[A-Za-z0-9][\w.-]{0,63}$/
const MAX_CAUSES = 5

/**
 * The kind of an error for `error.type`: the code of the innermost cause that has one, else its name. Never its text, which
 * may hold anything; and `_OTHER`, as OpenTelemetry has it, where even these are no plain words.
 */
export function errorType(error: unknown): string {
  try {
    let found: unknown
    let cause = error
    for (let i = 0; i < MAX_CAUSES && typeof cause === 'object' && cause !== null; i++) {
      const { code } = cause as { code?: unknown }
      if (typeof code === 'string' && WORD.test(code)) found = code
      cause = (cause as { cause?: unknown }).cause
    }
    found ??= (error as { name?: unknown } | undefined)?.name
    return typeof found === 'string' && WORD.test(found) ? found : '_OTHER'
  } catch {
    // A getter of the error's own.
    return '_OTHER'
  }
}
