import type { AuthInfo } from '@modelcontextprotocol/server'
import type { Request } from 'express'
import { networkOf } from './network.js'

/** Whose a session is. */
export interface Owner {
  /** What a request must show again to use the session. */
  bond: string
  /** Under which name sessions are counted. */
  share: string
  principal: string | undefined
}

/**
 * Who calls: the principal, else the client, of a tenant where one is named. The kinds never meet: a client may be named like a
 * principal. Undefined for a caller without a name where those have no sessions.
 */
export function ownerOf(
  req: Request,
  principalOf: ((req: Request) => string | undefined) | undefined,
  allowAnonymous: boolean,
): Owner | undefined {
  const { auth } = req as { auth?: AuthInfo }
  const tenant = nameOf(auth?.extra?.tenant) ?? null
  const principal = nameOf(principalOf ? principalOf(req) : auth?.extra?.principal)
  if (principal !== undefined) return named('principal', principal, tenant)
  const clientId = principalOf ? undefined : nameOf(auth?.clientId)
  if (clientId !== undefined) return named('client', clientId, tenant)
  if (!allowAnonymous) return undefined
  return {
    bond: '["anonymous"]',
    share: `["address",${JSON.stringify(networkOf(req))}]`,
    principal,
  }
}

function named(kind: string, principal: string, tenant: string | null): Owner {
  const bond = JSON.stringify([kind, principal, tenant])
  return { bond, share: bond, principal }
}

function nameOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
