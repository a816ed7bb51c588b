import type { StandardSchemaV1 } from '@modelcontextprotocol/server'

const MAX_ISSUES = 10
const MAX_CHARS = 200
const MAX_NAME_CHARS = 64

/**
 * Libraries whose messages speak of the schema alone; `mcp` is the SDK's `fromJsonSchema`. Others, such as
 * valibot and arktype, repeat what was sent, and that may be a secret in the wrong field.
 */
const DISCREET = new Set(['zod', 'mcp'])

/**
 * The faults of a value by path, without the value. Bounded, because a caller can make as many and as long as the
 * body allows.
 */
export function issuesOf(
  schema: StandardSchemaV1,
  issues: readonly StandardSchemaV1.Issue[],
): string {
  const discreet = DISCREET.has(schema['~standard'].vendor)
  const lines = issues.slice(0, MAX_ISSUES).map((issue) => {
    const what = discreet ? messageOf(issue) : 'does not fit the schema'
    return cut([pathOf(issue), what].filter(Boolean).join(': '))
  })
  if (issues.length > MAX_ISSUES) lines.push(`and ${issues.length - MAX_ISSUES} more`)
  return lines.join('; ')
}

/** Keys of a record are the caller's too. */
function pathOf({ path = [] }: StandardSchemaV1.Issue): string {
  const names = path.map((part) => nameOf(typeof part === 'object' ? part.key : part))
  return cut(names.join('.'), MAX_CHARS / 2)
}

function messageOf(issue: StandardSchemaV1.Issue): string {
  const { keys } = issue as { keys?: unknown }
  if (!Array.isArray(keys)) return issue.message
  // Zod names all of them, however many and long.
  const names = keys.slice(0, MAX_ISSUES).map((key) => JSON.stringify(nameOf(key)))
  return `Unrecognized keys: ${names.join(', ')}`
}

function nameOf(key: PropertyKey): string {
  return cut(String(key), MAX_NAME_CHARS)
}

/** Caller-chosen text, short enough to answer or log with. */
export function cut(text: string, maxChars = MAX_CHARS): string {
  return text.length > maxChars ? `${text.slice(0, maxChars)}…` : text
}
