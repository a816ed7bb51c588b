import { z } from 'zod'
import { wrongOption } from './errors.js'

/** How every builder says what an unset name means; without either option the name is required. */
export interface FieldOptions<Default> {
  /** The value of an unset name, checked at creation. */
  default?: Default
  /** Whether the value of an unset name is undefined. @default false */
  optional?: boolean
}

/** A schema over the text of a setting. */
export type Field<Value, Options> = z.ZodType<
  Options extends { optional: true } ? Value | undefined : Value,
  string | undefined
>

/** Why a text was refused. What was expected never depends on the text, so it can be told of secrets too. */
export class Malformed {
  constructor(
    readonly expected: string,
    readonly hint: string | undefined,
  ) {}
}

/** Why a function refused a text, in its own words: those of an error made to be shown. */
export class Refused {
  constructor(readonly why: string) {}
}

interface Rules<Value, Default> {
  builder: string
  /** What the text must be, such as `a whole number from 1 to 9`. */
  expected: string
  /** The value, or undefined to refuse the text. */
  read(text: string): Value | undefined
  /** What to do about this very text, where that can be said. */
  hint?: ((text: string) => string | undefined) | undefined
  /** The text that stands for a default. @default String */
  textOf?: (value: Default) => string
}

const defaultTexts = new WeakMap<object, string>()

/** Remembers how a default would be written, and returns its schema. */
export function withDefaultText<S extends z.ZodType>(schema: S, text: string): S {
  defaultTexts.set(schema, text)
  return schema
}

/**
 * Builds the zod schema of a setting from rules over its text.
 * @throws TypeError `ERR_CONFIG_OPTION` for a default that breaks the rules, or one beside `optional`.
 */
export function field<Value, Default, Options extends FieldOptions<Default>>(
  rules: Rules<Value, Default>,
  options: Options,
): Field<Value, Options> {
  const { builder, expected, read, hint, textOf = String } = rules
  const { default: unset, optional = false } = options
  const schema: z.ZodType<unknown, string> = z.string().transform((text, context) => {
    const value = read(text)
    if (value !== undefined) return value
    const params = new Malformed(expected, hint?.(text))
    context.issues.push({ code: 'custom', input: text, message: `expected ${expected}`, params })
    return z.NEVER
  })
  // What `optional` decides at run time, the compiler cannot follow.
  if (unset === undefined) return (optional ? schema.optional() : schema) as Field<Value, Options>
  if (optional) throw wrongOption(`${builder} has both a default and optional; choose one`)
  const text = textOf(unset)
  const value = read(text)
  if (value === undefined)
    throw wrongOption(`the default of ${builder} must be ${expected}, got "${text}"`)
  return withDefaultText(
    schema.default(() => value),
    text,
  ) as Field<Value, Options>
}

/** A default as it would be written in the environment, where a builder knows it. */
export function defaultTextOf(schema: object): string | undefined {
  return defaultTexts.get(schema)
}
