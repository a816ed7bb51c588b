import type { Definitions } from './definitions.js'
import { optionError } from './errors.js'
import type { CachedOperation, ToolServerOptions } from './server-options.js'

const LISTS = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'] as const
const OPERATIONS: readonly string[] = ['server/discover', ...LISTS]

type Hints = NonNullable<ToolServerOptions['cacheHints']>

/**
 * How long clients may keep lists. What one caller may see must not be served to another from a cache.
 *
 * @throws TypeError `ERR_TOOLS_OPTION` for a hint that is none, or that would share what depends on the caller.
 */
export function cacheHintsOf(hints: Hints, definitions: Definitions, filtered: boolean): Hints {
  for (const [operation, hint] of Object.entries(hints)) {
    if (!OPERATIONS.includes(operation)) optionError(`cacheHints has no operation ${operation}`)
    const { ttlMs = 0, cacheScope = 'private' } = hint ?? {}
    if (!(Number.isSafeInteger(ttlMs) && ttlMs >= 0))
      optionError(`ttlMs of cacheHints for ${operation} must be a whole number, 0 or more`)
    if (cacheScope === 'private') continue
    if (cacheScope !== 'public')
      optionError(`cacheScope of cacheHints for ${operation} must be public or private`)
    if (dependsOnCaller(operation, definitions, filtered))
      optionError(
        `cacheScope of ${operation} must be private: what it answers depends on the caller`,
      )
  }
  if (!filtered) return hints
  const marked = LISTS.map((operation: CachedOperation) => {
    return [operation, { ...hints[operation], cacheScope: 'private' }] as const
  })
  return { ...hints, ...Object.fromEntries(marked) }
}

function dependsOnCaller(operation: string, { templates }: Definitions, filtered: boolean) {
  if (operation === 'server/discover') return false
  return filtered || (operation === 'resources/list' && templates.some(({ list }) => list))
}
