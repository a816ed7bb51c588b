import { z } from 'zod'
import { type Fault, wrongOption } from './errors.js'
import { Malformed, Refused } from './field.js'
import { nearest } from './nearest.js'
import { isSchema, isSecret } from './secret.js'
import { escaped, holdsCredentials, shown } from './show.js'
import { type ConfigOptions, type Found, find } from './source.js'

/** The names of the settings and a zod schema over the text of each. */
export type Shape = Record<string, z.ZodType>

export interface Setting extends Found {
  name: string
  schema: z.ZodType
  secret: boolean
  value?: unknown
  fault?: Fault
}

/** Reads every setting, whatever is wrong with the others. */
export function readSettings(shape: Shape, options: ConfigOptions): Setting[] {
  const fields = Object.entries(shape)
  for (const [name, schema] of fields) checkDeclaration(name, schema, shape)
  const strangers = undeclaredNames(shape, options.env ?? process.env)
  return fields.map(([name, schema]) => {
    const secret = isSecret(name, schema)
    const setting: Setting = { name, schema, secret, origin: 'none' }
    const found = find(name, secret, options)
    if ('problem' in found) return { ...setting, fault: { name, ...found } }
    Object.assign(setting, found)
    const result = parse(schema, found.text)
    if (result.success) return { ...setting, value: result.data }
    const fault =
      found.text === undefined
        ? missing(setting, strangers)
        : malformed(setting, found.text, result.issues)
    return { ...setting, fault }
  })
}

function checkDeclaration(name: string, schema: unknown, shape: Shape): void {
  if (!/^[A-Z][A-Z0-9_]*$/.test(name)) {
    throw wrongOption(
      `a name must be of A to Z, 0 to 9 and _, such as LOG_LEVEL, got "${escaped(name, 40)}"`,
    )
  }
  if (!isSchema(schema))
    throw wrongOption(`${name} must be a zod schema, such as text(), got ${typeof schema}`)
  if (Object.hasOwn(shape, `${name}_FILE`)) {
    throw wrongOption(
      `${name}_FILE is where ${name} can be read from, it cannot be a setting too; rename one`,
    )
  }
}

type Parsed =
  | { success: true; data: unknown }
  | { success: false; issues: readonly z.core.$ZodIssue[] }

function parse(schema: z.ZodType, text: string | undefined): Parsed {
  try {
    const result = z.safeParse(schema, text)
    return result.success ? result : { success: false, issues: result.error.issues }
  } catch {
    // A transform that throws, such as JSON.parse, may quote the value: its message is not passed on.
    return { success: false, issues: [] }
  }
}

function missing({ name, file }: Setting, strangers: readonly string[]): Fault {
  const near = nearest(name, strangers) ?? nearest(`${name}_FILE`, strangers)
  return {
    name,
    problem: file === undefined ? 'is not set' : `the file ${file} is empty`,
    remedy: `set ${name}, or ${name}_FILE to the path of a file that holds it${near ? ` (did you mean ${near}, which is set?)` : ''}`,
  }
}

function malformed(setting: Setting, text: string, issues: readonly z.core.$ZodIssue[]): Fault {
  const { name, secret, origin, file } = setting
  // NAME_FILE may name the wrong file: what is in it is nobody's business either.
  const hidden = secret || origin === 'file'
  const got = `got ${hidden ? `${[...text].length} characters` : `"${shown(text, 40)}"`}`
  const place = origin === 'file' ? `the file ${file}` : name
  const [issue] = issues
  if (issue?.code === 'custom' && issue.params instanceof Malformed) {
    const { expected, hint } = issue.params
    return {
      name,
      problem: `${got}, expected ${expected}`,
      remedy: (!hidden && hint) || `correct ${place}`,
    }
  }
  if (issue?.code === 'custom' && issue.params instanceof Refused) {
    return {
      name,
      problem: `${got}: ${escaped(issue.params.why, 500)}`,
      remedy: `correct ${place}`,
    }
  }
  // What zod or a message of its own says may quote the value, and then unabridged.
  const said = issues.map(({ path, message }) => [...path.map(String), message].join(': '))
  const tellable = !hidden && !holdsCredentials(text) && said.length > 0
  const why = tellable ? shown(said.join(', '), 200) : 'which is not valid'
  return { name, problem: `${got}, ${why}`, remedy: `correct ${place}` }
}

/** Names in the environment that may have been meant for a declared one. */
function undeclaredNames(
  shape: Shape,
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  const declared = new Set(Object.keys(shape).flatMap((name) => [name, `${name}_FILE`]))
  return Object.keys(env).filter((name) => !declared.has(name) && /^\w+$/.test(name) && env[name])
}
