import { z } from 'zod'

/** Stands in front of every secret's schema, where no later `.optional()` or `.refine()` can lose it. */
const SECRET = z.unknown()

/** Names that are taken for secrets when shown, even if their field forgot to say so. */
const SECRET_NAME = /(?:SECRET|PASSWORD|PASSWD|PASSPHRASE|TOKEN|CREDENTIALS?|_KEY|API_?KEYS?)$/

type Optional = { optional?: boolean }

/**
 * Marks a setting as secret: its value is never printed, nor anything a schema says of it. Any text, unless a
 * schema is given, such as `secret(url())`. It takes no default: a secret does not belong into code.
 */
export function secret<const O extends Optional>(
  options?: O,
): z.ZodType<O extends { optional: true } ? string | undefined : string, unknown>
export function secret<Schema extends z.ZodType>(
  schema: Schema,
): z.ZodType<z.output<Schema>, unknown>
export function secret(given: z.ZodType | Optional = {}): z.ZodType {
  if (isSchema(given)) return SECRET.pipe(given)
  return SECRET.pipe(given.optional ? z.string().optional() : z.string())
}

/** Whether a setting must not be shown: by its schema, at any depth, or by its name. */
export function isSecret(name: string, schema: z.core.$ZodType): boolean {
  return SECRET_NAME.test(name) || holdsMark(schema, new Set())
}

export function isSchema(value: unknown): value is z.ZodType {
  return typeof value === 'object' && value !== null && '_zod' in value
}

function holdsMark(part: unknown, seen: Set<unknown>): boolean {
  if (part === SECRET) return true
  if (typeof part !== 'object' || part === null || seen.has(part)) return false
  seen.add(part)
  if (!isSchema(part)) return Object.values(part).some((inner) => holdsMark(inner, seen))
  const { def } = part._zod
  return holdsMark(def.type === 'lazy' ? (def as z.core.$ZodLazyDef).getter() : def, seen)
}
