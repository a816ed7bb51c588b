import { scopeHierarchy } from '@mcp-prod/auth'
import { everything } from './definitions.js'

/** What every request needs, whatever it calls. */
export const endpointScopes: readonly string[] = []

/** Scopes that include others, such as `admin: ['*']`. `orders:*` includes what begins with `orders:` by itself. */
const implied: Readonly<Record<string, readonly string[]>> = {}

/** Every scope that is of use here, and no other: what clients are told to ask for. */
export const scopes = [
  ...new Set([...endpointScopes, ...everything.flatMap(({ scopes }) => scopes)]),
]

/** What a token's scopes amount to. */
export const hierarchy = scopeHierarchy(scopes, implied)

/** What a caller may be given: the scopes above, and those that include some of them. */
export const knownScopes = [...scopes, ...Object.keys(implied)]
