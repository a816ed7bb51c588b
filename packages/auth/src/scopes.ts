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
  // A text is iterable too, letter by letter.
  const scopes = new Set(typeof known === 'string' ? [''] : known)
  const areScopes = [...scopes].every(isScopeToken)
  requireOption(areScopes, 'known of scopeHierarchy', 'an array of scopes', known)
  const included = new Map<string, readonly string[]>()
  for (const [scope, list] of Object.entries(implies)) {
    const holds = isScopeToken(scope) && Array.isArray(list) && list.every(isScopeToken)
    requireOption(holds, `implies["${scope}"] of scopeHierarchy`, 'an array of scopes', list)
    // `*` is the operator's word; a token that holds it as a scope gets nothing by it.
    included.set(scope, list.includes('*') ? [...list, ...scopes] : list)
  }
  const families = familiesOf(scopes)

  return function effectiveScopes(held) {
    const own = new Set(held)
    const effective = new Set(held)
    // A set visits what is added meanwhile, each once: chains are followed, and circles end.
    for (const scope of effective) {
      for (const each of included.get(scope) ?? []) effective.add(each)
      for (const each of families.get(scope) ?? []) effective.add(each)
    }
    return [...effective].filter((scope) => scopes.has(scope) || own.has(scope))
  }
}

/** Under `orders:*` all that begin with `orders:`. Looked up and not searched for: a token may hold thousands. */
function familiesOf(scopes: Iterable<string>): Map<string, string[]> {
  const families = new Map<string, string[]>()
  for (const scope of scopes) {
    for (const { index } of scope.matchAll(/:/g)) {
      const family = `${scope.slice(0, index)}:*`
      const members = families.get(family) ?? []
      members.push(scope)
      families.set(family, members)
    }
  }
  return families
}
