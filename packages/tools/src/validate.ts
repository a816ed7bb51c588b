import type { StandardSchemaV1 } from '@modelcontextprotocol/server'

/** As Zod 3.25, 4 and mini have it. */
interface ZodSchema {
  safeParseAsync(
    value: unknown,
  ): Promise<{ data?: unknown; error?: StandardSchemaV1.FailureResult }>
}

/**
 * What a value is by its schema, or what is wrong with it.
 *
 * Zod's own `validate` first tries without waiting. An asynchronous refinement so runs twice, and of its first run nobody
 * hears: a rejection there is an unhandled one, by which a caller could end a server whose policy is to exit. So Zod is
 * asked to wait at once.
 */
export async function validate(
  schema: StandardSchemaV1,
  value: unknown,
): Promise<StandardSchemaV1.Result<unknown>> {
  if (!isZod(schema)) return schema['~standard'].validate(value)
  const { data, error } = await schema.safeParseAsync(value)
  return error ? { issues: error.issues } : { value: data }
}

function isZod(schema: StandardSchemaV1): schema is StandardSchemaV1 & ZodSchema {
  return schema['~standard'].vendor === 'zod' && 'safeParseAsync' in schema
}
