import { createHash } from 'node:crypto'
import type { AuthInfo, RemoteVerifier } from './auth-info.js'
import { breaker } from './breaker.js'
import {
  audienceOf,
  type ClaimOptions,
  type Claims,
  claimReader,
  requireAudiences,
} from './claims.js'
import { endpoint, serverMetadata } from './discovery.js'
import { AuthUnavailableError, InvalidTokenError } from './errors.js'
import { documentOptions } from './key-source.js'
import { requireCount, requireOption, requireText, requireUrl } from './options.js'
import { type OutboundOptions, outbound } from './outbound.js'
import { tokenCache } from './token-cache.js'

const MAX_ANSWER_BYTES = 64 * 1024
/** Questions under way at once; a flood of invented tokens must not become one of connections. */
const MAX_CONCURRENT = 64

export interface IntrospectionOptions extends ClaimOptions, OutboundOptions {
  /** The authorization server; its metadata names the endpoint, and an `iss` in an answer must be it. */
  issuer: string
  /** This server's canonical URI (RFC 8707): the answer's `aud` must name it. */
  audience: string | readonly string[]
  /** How this server identifies itself at the endpoint. */
  clientId: string
  /** Its secret, or what gives the secret that is valid now: one that is rotated. */
  clientSecret: string | (() => string)
  /** @default the `introspection_endpoint` of the issuer's metadata */
  endpoint?: string
  /** How id and secret are sent (RFC 6749 §2.3.1): as Basic credentials or in the form. @default 'basic' */
  clientAuthentication?: 'basic' | 'post'
  /**
   * Milliseconds for which a valid token is not asked for again, never past its expiry. So long a revoked token goes on
   * working. 0 asks every time. @default 30000
   */
  cacheMs?: number
  /** Milliseconds for which a token that is not valid stays refused without asking. @default 5000 */
  refusedCacheMs?: number
  /** Most tokens of either kind remembered, as hashes. @default 10000 */
  maxCached?: number
  /** Told of each failed exchange with the server: for the log. @default none */
  onFailure?: (error: Error) => void
}

/**
 * Asks the authorization server about each token (RFC 7662): for opaque tokens, and where revocation must be noticed.
 * When it does not answer, tokens are neither accepted nor refused (`AuthUnavailableError`).
 *
 * @throws TypeError `ERR_AUTH_OPTION` at creation for a wrong option.
 */
export function introspectedTokens(options: IntrospectionOptions): RemoteVerifier {
  const { issuer, audience, cacheMs = 30_000, refusedCacheMs = 5_000, maxCached = 10_000 } = options
  const audiences = requireAudiences(audience)
  requireCount('cacheMs', cacheMs, 0)
  requireCount('refusedCacheMs', refusedCacheMs, 0)
  requireCount('maxCached', maxCached, 1)
  const { onFailure } = documentOptions(options)
  const authInfoOf = claimReader(options)
  const question = asker(options)
  const circuit = breaker()
  const cache = tokenCache({ cacheMs, refusedCacheMs, maxCached })
  const asking = new Map<string, Promise<AuthInfo>>()

  async function ask(token: string): Promise<Claims> {
    try {
      return await circuit.run(() => question(token))
    } catch (error) {
      if (error instanceof AuthUnavailableError) throw error
      tell(onFailure, error as Error)
      throw new AuthUnavailableError('the token could not be introspected', { cause: error })
    }
  }

  async function verifyAnew(token: string, hash: string): Promise<AuthInfo> {
    const claims = await ask(token)
    try {
      checkActive(claims, issuer)
      const info = authInfoOf(claims, audienceOf(claims, audiences))
      cache.accept(hash, info)
      return info
    } catch (error) {
      if (error instanceof InvalidTokenError) cache.refuse(hash, error)
      throw error
    }
  }

  async function verifyByIntrospection(token: string): Promise<AuthInfo> {
    // A token is not kept, only its hash: what reads this memory must not find tokens.
    const hash = createHash('sha256').update(token).digest('base64')
    const known = cache.find(hash)
    if (known) return copyOf(known)
    let pending = asking.get(hash)
    if (!pending) {
      if (asking.size >= MAX_CONCURRENT)
        throw new AuthUnavailableError('too many tokens are being introspected')
      pending = verifyAnew(token, hash).finally(() => asking.delete(hash))
      asking.set(hash, pending)
    }
    return copyOf(await pending)
  }

  return Object.assign(verifyByIntrospection, { check: () => circuit.check() })
}

/** One exchange with the endpoint. @throws Error when it did not answer as RFC 7662 says. */
function asker(options: IntrospectionOptions): (token: string) => Promise<Claims> {
  const { issuer, clientId, clientSecret, clientAuthentication = 'basic' } = options
  requireText('clientId', clientId)
  if (typeof clientSecret !== 'function') {
    // Not shown, whatever it is.
    requireOption(
      Boolean(clientSecret),
      'clientSecret',
      'a text, or a function that gives one',
      'none',
    )
  }
  const isKnown = ['basic', 'post'].includes(clientAuthentication)
  requireOption(isKnown, 'clientAuthentication', '"basic" or "post"', clientAuthentication)
  if (options.endpoint !== undefined) requireUrl('endpoint', options.endpoint)
  const send = outbound(options)
  const metadata = serverMetadata(issuer, send, {})

  async function endpointUrl(): Promise<string> {
    if (options.endpoint !== undefined) return options.endpoint
    const { introspection_endpoint: url } = await metadata.get()
    return endpoint(issuer, 'introspection_endpoint', url)
  }

  return async function askAbout(token) {
    const secret = typeof clientSecret === 'function' ? clientSecret() : clientSecret
    const form = new URLSearchParams({ token, token_type_hint: 'access_token' })
    const headers: Record<string, string> = { 'content-type': 'application/x-www-form-urlencoded' }
    if (clientAuthentication === 'basic') headers.authorization = basic(clientId, secret)
    else
      for (const [name, value] of [
        ['client_id', clientId],
        ['client_secret', secret],
      ] as const)
        form.set(name, value)
    const url = await endpointUrl()
    const request = {
      method: 'POST',
      headers,
      body: form.toString(),
      maxBytes: MAX_ANSWER_BYTES,
    } as const
    const { status, json } = await send(url, request)
    if (status === 200 && typeof json?.active === 'boolean') return json
    const hint = status === 401 ? ': does it know clientId and clientSecret?' : ''
    throw new Error(
      `@mcp-prod/auth: ${new URL(url).origin} answered ${status} to an introspection${hint}`,
    )
  }
}

function checkActive(claims: Claims, issuer: string): void {
  if (claims.active !== true) throw new InvalidTokenError('inactive')
  // Optional members; but what is there must be right.
  if (claims.iss !== undefined && claims.iss !== issuer) throw new InvalidTokenError('issuer')
  const type = claims.token_type ?? 'Bearer'
  // An endpoint knows refresh tokens too, and says of one bound to a key that it is `DPoP`.
  if (typeof type !== 'string' || !/^(bearer|access_token)$/i.test(type))
    throw new InvalidTokenError('type')
  const nowSeconds = Date.now() / 1000
  if (claims.exp !== undefined && !(Number(claims.exp) > nowSeconds))
    throw new InvalidTokenError('expired')
  if (claims.nbf !== undefined && !(Number(claims.nbf) <= nowSeconds + 30))
    throw new InvalidTokenError('not_yet')
}

/** RFC 6749 §2.3.1: both are form-encoded first, so that a colon in either is none. */
function basic(id: string, secret: string): string {
  const encoded = [id, secret].map((text) => new URLSearchParams({ '': text }).toString().slice(1))
  return `Basic ${Buffer.from(encoded.join(':')).toString('base64')}`
}

/** Each request has its own: a handler that adds a scope to it must not add it to every later one. */
function copyOf(info: AuthInfo): AuthInfo {
  return { ...info, scopes: [...info.scopes], extra: { ...info.extra } }
}

function tell(onFailure: (error: Error) => void, error: Error): void {
  try {
    onFailure(error)
  } catch {
    // Who only watches must not decide how a request ends.
  }
}
