import { isScopeToken, requireOption } from './options.js'

/** Turns the scopes a token holds into all that they amount to. */
export type ScopeHierarchy = (held: readonly string[]) => string[]

/**
 * Scopes that include others. One that ends in `:*` includes every known scope with the same beginning; `implies` names the
 * rest, such as `{ admin: ['*'], 'orders:write': ['orders:read'] }`, where `*` is all and `orders:*` all of orders. Only known
 * scopes come out of it, besides those held; a text merely similar includes nothing.
 *
 * @param known every scope that a tool or the endpoint needs.
 * @throws TypeError `ERR_AUTH_OPTION` for what is no scope.
 */
export function scopeHierarchy(
  known: Iterable<string>,
  implies: Readonly<Record<string, readonly string[]>> = {},
): ScopeHierarchy {
  const scopes = [...new Set(known)]
  requireOption(scopes.every(isScopeToken), 'known of scopeHierarchy', 'an array of scopes', scopes)
  const rules = new Map(Object.entries(implies))
  for (const [scope, included] of rules) {
    const holds = isScopeToken(scope) && Array.isArray(included) && included.every(isScopeToken)
    requireOption(holds, `implies["${scope}"] of scopeHierarchy`, 'an array of scopes', included)
  }

  /** What one held or included scope stands for by its form alone. */
  function covered(scope: string): string[] {
    return scope.endsWith(':*') ? scopes.filter((each) => each.startsWith(scope.slice(0, -1))) : []
  }

  return function effectiveScopes(held) {
    const effective = new Set(held)
    // A set visits what is added meanwhile, each once: chains are followed, and circles end.
    for (const scope of effective) {
      const included = rules.get(scope) ?? []
      // `*` is the operator's word; a token that holds it as a scope gets nothing by it.
      if (included.includes('*')) for (const each of scopes) effective.add(each)
      for (const each of [...included, ...covered(scope)]) if (each !== '*') effective.add(each)
    }
    return [...effective]
  }
}
