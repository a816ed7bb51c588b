import { wrongOption } from './errors.js'
import { type Field, type FieldOptions, field } from './field.js'
import { nearest } from './nearest.js'

const CONTROL = /\p{Cc}/u

/** One line of text. For several lines, such as a PEM key, use `secret()` or `z.string()`. */
export function text<const O extends FieldOptions<string>>(options: O = {} as O): Field<string, O> {
  const read = (given: string) => (CONTROL.test(given) ? undefined : given)
  return field({ builder: 'text', expected: 'one line without control characters', read }, options)
}

const FLAGS = new Map([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['false', false],
  ['0', false],
  ['no', false],
])

/** true, 1, yes, false, 0 or no, in any case. */
export function flag<const O extends FieldOptions<boolean>>(
  options: O = {} as O,
): Field<boolean, O> {
  const read = (given: string) => FLAGS.get(given.toLowerCase())
  return field({ builder: 'flag', expected: 'true or false', read }, options)
}

/**
 * One of the given values, exactly as written.
 * @throws TypeError `ERR_CONFIG_OPTION` without values.
 */
export function choice<const V extends string, const O extends FieldOptions<NoInfer<V>>>(
  values: readonly V[],
  options: O = {} as O,
): Field<V, O> {
  if (values.length === 0) throw wrongOption('choice needs at least one value')
  const read = (given: string) => values.find((value) => value === given)
  const hint = (given: string) => {
    const near = nearest(given, values)
    return near && `did you mean "${near}"?`
  }
  return field({ builder: 'choice', expected: `one of ${values.join(', ')}`, read, hint }, options)
}

/** Texts separated by commas, without the spaces around them; empty ones are left out. */
export function list<const O extends FieldOptions<readonly string[]>>(
  options: O = {} as O,
): Field<string[], O> {
  const split = (given: string) => given.split(',').map((item) => item.trim())
  const read = (given: string) =>
    CONTROL.test(given) ? undefined : split(given).filter((item) => item !== '')
  const textOf = (items: readonly string[]) => items.join(',')
  const expected = 'texts separated by commas, without control characters'
  return field({ builder: 'list', expected, read, textOf }, options)
}

export interface UrlOptions extends FieldOptions<string> {
  /** Accepted protocols, with the colon. @default ['http:', 'https:'] */
  protocols?: readonly string[]
}

/** An absolute URL, returned as it was written. */
export function url<const O extends UrlOptions>(options: O = {} as O): Field<string, O> {
  const { protocols = ['http:', 'https:'] } = options
  const wrong = protocols.find((protocol) => !/^[a-z][a-z0-9+.-]*:$/.test(protocol))
  if (wrong !== undefined)
    throw wrongOption(`protocols of url must look like "https:", got "${wrong}"`)
  const read = (given: string) => {
    // The parser would drop line breaks, and spaces at the ends, without a word.
    if (/[\s\p{Cc}]/u.test(given) || !URL.canParse(given)) return undefined
    return protocols.includes(new URL(given).protocol) ? given : undefined
  }
  const expected = `an absolute URL with ${protocols.join(' or ')}`
  return field({ builder: 'url', expected, read }, options)
}
