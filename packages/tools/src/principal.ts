import type { AuthInfo } from '@modelcontextprotocol/server'
import type { Principal } from './types.js'

/**
 * What a tool may know of its caller. Neither the token, which some middleware leaves in `authInfo`, nor what else a
 * verifier found in it.
 */
export function principalOf(auth: AuthInfo | undefined): Principal | undefined {
  if (!auth) return undefined
  const { principal, tenant } = auth.extra ?? {}
  return {
    id: isName(principal) ? principal : auth.clientId,
    clientId: auth.clientId,
    // Another middleware may have set a text: in it `includes` would find parts of words.
    scopes: Array.isArray(auth.scopes) ? auth.scopes : [],
    ...(isName(tenant) && { tenant }),
  }
}

/** Under which name the work of a caller is counted. A principal of a tenant is never called like one of another, or of none. */
export function countedAs(principal: Principal | undefined): string | undefined {
  if (principal?.id === undefined) return undefined
  const { id, tenant } = principal
  return tenant === undefined ? `principal ${id}` : `tenant ${JSON.stringify([tenant, id])}`
}

/** Whether a caller holds all the scopes that a tool needs. */
export function holdsScopes(
  principal: Principal | undefined,
  { scopes }: { scopes: readonly string[] },
): boolean {
  return scopes.every((scope) => principal?.scopes.includes(scope))
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
