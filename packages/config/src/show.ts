const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** A value as it may be printed: without credentials, on one line, cut to `length` characters. */
export function shown(value: string, length: number): string {
  // First of all: once cut or escaped, credentials could no longer be told from other text.
  return escaped(withoutCredentials(value), length)
}

/** Text on one line: what could forge another one, or turn the writing round, is written out. */
export function escaped(text: string, length: number): string {
  const characters = [...text]
  const kept = characters.length > length ? `${characters.slice(0, length).join('')}…` : text
  return kept.replace(INVISIBLE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

/** Whether something of a value is not shown, so that nothing that may quote it must be either. */
export function holdsCredentials(value: string): boolean {
  return withoutCredentials(value) !== value
}

/**
 * Hides what stands before the last `@`, queries, and URLs too broken to parse: passwords are in all of them.
 * That hides more than credentials now and then; the other way round would be worse.
 */
function withoutCredentials(value: string): string {
  const [, scheme = '', rest = value] = /^(.*?:\/\/)(.*)$/s.exec(value) ?? []
  if (scheme !== '' && !URL.canParse(value)) return `${scheme}[hidden]`
  const at = rest.lastIndexOf('@')
  const address = at < 0 ? rest : `[hidden]${rest.slice(at)}`
  return scheme === '' ? address : scheme + address.replace(/\?[^#]*/, '?[hidden]')
}
