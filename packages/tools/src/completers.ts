import type { Awaitable } from './definition.js'
import { functionOrNone } from './options.js'
import type { RunContext } from './types.js'

/** What a completion is told beside the text so far. */
export interface CompletionContext extends RunContext {
  /** The other arguments that the user has filled in already; the caller's text. */
  arguments: Readonly<Record<string, string>>
}

/**
 * Suggests values that go on from what was typed, the best first; 100 are shown. Suggest only what `context.principal` may see:
 * whoever holds the scopes may ask.
 */
export type Completer = (value: string, context: CompletionContext) => Awaitable<readonly string[]>

/** Completers by the name of their argument or variable. */
export type Completers = Record<string, Completer>

/** The completers of an owner, and for the others what their schema lists (`enum`). */
export function completersOf(
  of: string,
  complete: Completers,
  schema: Record<string, unknown> | undefined,
): ReadonlyMap<string, Completer> {
  const completers = new Map<string, Completer>()
  const properties = (schema?.properties ?? {}) as Record<string, { enum?: unknown } | undefined>
  for (const [name, property] of Object.entries(properties)) {
    const values = Array.isArray(property?.enum) ? property.enum.map(String) : []
    if (values.length > 0) completers.set(name, (typed) => startingWith(values, typed))
  }
  for (const [name, completer] of Object.entries(complete)) {
    functionOrNone(`complete.${name} of ${of}`, completer)
    completers.set(name, completer)
  }
  return completers
}

function startingWith(values: readonly string[], typed: string): string[] {
  const start = typed.toLowerCase()
  return values.filter((value) => value.toLowerCase().startsWith(start))
}
