import { createHash } from 'node:crypto'
import type { Request } from 'express'
import { addressKey } from './address.js'

/** What is used of the SDK's `AuthInfo`. */
interface Auth {
  clientId?: string
  extra?: Record<string, unknown>
}

/** Longer ids are kept as a hash, or a provider's long names would be the memory bound. */
const LONGEST_ID = 128

/**
 * The key of who asks, in its `auth.extra.tenant` where there is one; without a principal that of the address. The kinds never
 * meet, whatever a principal or a tenant is called.
 */
export function principalKey(
  principalOf: (req: Request) => string | undefined,
): (req: Request) => string {
  const addressOf = addressKey(56)
  return function keyOf(req) {
    const principal = principalOf(req)
    if (!isName(principal)) return `address ${addressOf(req)}`
    const tenant = tenantOf(req)
    if (tenant === undefined) return keyOfKind('principal', 'hashed', principal)
    return keyOfKind('tenant', 'hashed-tenant', JSON.stringify([tenant, principal]))
  }
}

function keyOfKind(kind: string, hashedKind: string, id: string): string {
  if (id.length <= LONGEST_ID) return `${kind} ${id}`
  // UTF-8 would make one of all halves of surrogate pairs.
  return `${hashedKind} ${createHash('sha256').update(id, 'utf16le').digest('base64')}`
}

function tenantOf(req: Request): string | undefined {
  const { auth } = req as { auth?: Auth }
  const tenant = auth?.extra?.tenant
  return isName(tenant) ? tenant : undefined
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

/** `auth.extra.principal`, else `auth.clientId`. */
export function authenticatedPrincipal(req: Request): string | undefined {
  const { auth } = req as { auth?: Auth }
  const principal = auth?.extra?.principal
  return isName(principal) ? principal : auth?.clientId
}
