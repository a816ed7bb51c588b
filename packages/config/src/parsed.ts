import { z } from 'zod'
import { wrongOption } from './errors.js'
import { type Field, type FieldOptions, Refused, withDefaultText } from './field.js'

/**
 * What a function makes of the text. The message of an error that it throws becomes the fault, of a secret too:
 * use only functions whose messages do not quote what they were given, such as `parseApiKeys`.
 *
 * @throws TypeError `ERR_CONFIG_OPTION` for a default that the function refuses, or one beside `optional`.
 */
export function parsed<Value, const O extends FieldOptions<string>>(
  parse: (text: string) => Value,
  options: O = {} as O,
): Field<Value, O> {
  const { default: unset, optional = false } = options
  const schema: z.ZodType<unknown, string> = z.string().transform((text, context) => {
    try {
      return parse(text)
    } catch (error) {
      const why = error instanceof Error ? error.message : 'it is not usable'
      const params = new Refused(inShort(why))
      context.issues.push({ code: 'custom', input: text, message: 'is refused', params })
      return z.NEVER
    }
  })
  if (unset === undefined) return (optional ? schema.optional() : schema) as Field<Value, O>
  if (optional) throw wrongOption('parsed has both a default and optional; choose one')
  try {
    parse(unset)
  } catch (cause) {
    throw wrongOption(`the default of parsed is refused: ${String(cause)}`)
  }
  return withDefaultText(schema.prefault(unset), unset) as Field<Value, O>
}

/** On one line, without the package that says it and the value, which the fault shows itself where it may. */
function inShort(why: string): string {
  return why
    .replace(/^@[\w-]+\/[\w-]+: /, '')
    .replace(/\s+/g, ' ')
    .replace(/[,;] got (".*"|\d+ characters)$/, '')
}
