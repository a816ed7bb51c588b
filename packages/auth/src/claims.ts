import { type AuthInfo, REDACTED } from './auth-info.js'
import { InvalidTokenError } from './errors.js'
import { isScopeToken, requireOption, requireText } from './options.js'

export interface ClaimOptions {
  /**
   * What stands before `sub` in the principal's id. Give one where API keys or certificates are accepted too: their
   * principals are names of your own, which a `sub` must not be able to equal. @default ''
   */
  principalPrefix?: string
  /** The claim that names the caller's tenant, such as `tid` or `org_id`; tokens without it are refused. @default none */
  tenantClaim?: string
}

/** What a token's claims are, whether they come out of a JWT or out of an introspection. */
export type Claims = Record<string, unknown>

const IDENTIFIER = /^[^\p{C}\p{Zl}\p{Zp}]{1,256}$/u

export type ClaimReader = (claims: Claims, audience: string) => AuthInfo

/** Makes the caller out of the claims of a token that is valid (RFC 9068 §2.2, RFC 7662 §2.2). */
export function claimReader(options: ClaimOptions): ClaimReader {
  const { principalPrefix = '', tenantClaim } = options
  const isPrefix =
    typeof principalPrefix === 'string' && (principalPrefix === '' || isIdentifier(principalPrefix))
  requireOption(isPrefix, 'principalPrefix', 'a printable text', principalPrefix)
  if (tenantClaim !== undefined) requireText('tenantClaim', tenantClaim)

  return function authInfoOf(claims, audience) {
    // Bound to a key of the client's (RFC 8705, RFC 9449): as a mere bearer token it was stolen, for all we can tell.
    if (claims.cnf !== undefined) throw new InvalidTokenError('sender_constrained')
    const subject = own(claims, 'sub') ?? own(claims, 'client_id')
    if (!isIdentifier(subject)) throw new InvalidTokenError('subject')
    const client = own(claims, 'client_id') ?? own(claims, 'azp') ?? subject
    if (!isIdentifier(client)) throw new InvalidTokenError('client')
    const tenant = tenantClaim === undefined ? undefined : own(claims, tenantClaim)
    if (tenantClaim !== undefined && !isIdentifier(tenant)) throw new InvalidTokenError('tenant')
    const { exp, iss } = claims
    // JSON can also say 1e999, which would be for ever.
    if (exp !== undefined && !isTime(exp)) throw new InvalidTokenError('expiry')
    return {
      token: REDACTED,
      clientId: client,
      scopes: scopesOf(claims),
      ...(exp !== undefined && { expiresAt: Math.floor(exp) }),
      ...(URL.canParse(audience) && { resource: new URL(audience) }),
      extra: {
        principal: principalPrefix + subject,
        ...(typeof iss === 'string' && { issuer: iss }),
        ...(isIdentifier(tenant) && { tenant }),
      },
    }
  }
}

/** The first of `audiences` that the `aud` claim names: one text, or a list of them (RFC 7519 §4.1.3). */
export function audienceOf(claims: Claims, audiences: readonly string[]): string {
  const named = [claims.aud].flat()
  const found = audiences.find((audience) => named.includes(audience))
  if (found === undefined) throw new InvalidTokenError('audience')
  return found
}

/** Where tokens are for, as an option. */
export function requireAudiences(audience: string | readonly string[]): string[] {
  const audiences = [audience].flat() as string[]
  const holds =
    audiences.length > 0 && audiences.every((text) => typeof text === 'string' && text !== '')
  requireOption(holds, 'audience', "this server's canonical URI, or a list with it", audience)
  return audiences
}

/** `scope` is one text with spaces (RFC 9068 §2.2.3); some servers send a list, or either under `scp`. */
function scopesOf({ scope, scp }: Claims): string[] {
  const given = scope ?? scp
  const list = typeof given === 'string' ? given.split(' ') : Array.isArray(given) ? given : []
  return [...new Set(list.filter(isScopeToken))]
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(Math.floor(value))
}

/** Not `constructor` and the like, which every object has. */
function own(claims: Claims, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined
}

/** Goes into logs and becomes a key of limits. */
function isIdentifier(value: unknown): value is string {
  return typeof value === 'string' && IDENTIFIER.test(value)
}
