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

/** The key of who asks; without a principal that of the address. The kinds never meet, whatever a principal is called. */
export function principalKey(
  principalOf: (req: Request) => string | undefined,
): (req: Request) => string {
  const addressOf = addressKey(56)
  return function keyOf(req) {
    const principal = principalOf(req)
    if (typeof principal !== 'string' || principal === '') return `address ${addressOf(req)}`
    if (principal.length <= LONGEST_ID) return `principal ${principal}`
    // UTF-8 would make one of all halves of surrogate pairs.
    return `hashed ${createHash('sha256').update(principal, 'utf16le').digest('base64')}`
  }
}

/** `auth.extra.principal`, else `auth.clientId`. */
export function authenticatedPrincipal(req: Request): string | undefined {
  const { auth } = req as { auth?: Auth }
  const principal = auth?.extra?.principal
  return typeof principal === 'string' && principal !== '' ? principal : auth?.clientId
}
