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
import { AuthUnavailableError, InvalidTokenError } from './errors.js'
import {
  type ExchangeOptions,
  introspectionExchange,
  isOutage,
  isVerdict,
} from './introspection-exchange.js'
import { requireCount, requireFunction } from './options.js'
import { tell } from './tell.js'
import { tokenCache } from './token-cache.js'

/** Questions under way at once; a flood of invented tokens must not become one of connections. */
const MAX_CONCURRENT = 64
/** Seconds by which the clocks of the two servers may differ. */
const NOT_BEFORE_TOLERANCE = 30

export interface IntrospectionOptions extends ClaimOptions, ExchangeOptions {
  /** This server's canonical URI (RFC 8707): the answer's `aud` must name it. */
  audience: string | readonly string[]
  /**
   * Milliseconds for which a valid token is not asked for again, never past its expiry. So long a revoked token goes on
   * working. 0 asks every time; requests that come while a question is under way share its answer. @default 30000
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
  const { onFailure = () => {} } = options
  const audiences = requireAudiences(audience)
  requireCount('cacheMs', cacheMs, 0)
  requireCount('refusedCacheMs', refusedCacheMs, 0)
  requireCount('maxCached', maxCached, 1)
  requireFunction('onFailure', onFailure)
  const authInfoOf = claimReader(options)
  const introspect = introspectionExchange(options)
  const circuit = breaker(isOutage)
  const cache = tokenCache({ cacheMs, refusedCacheMs, maxCached })
  const asking = new Map<string, Promise<AuthInfo>>()

  async function ask(token: string): Promise<Claims> {
    try {
      return await circuit.run(() => introspect(token).catch(verdictOn(token)))
    } catch (error) {
      // The breaker's own: nothing was exchanged.
      if (error instanceof AuthUnavailableError) throw error
      tell(onFailure, error as Error)
      throw new AuthUnavailableError('the token could not be introspected', { cause: error })
    }
  }

  async function verifyAnew(token: string, hash: string): Promise<AuthInfo> {
    try {
      const claims = await ask(token)
      checkActive(claims, issuer)
      const info = authInfoOf(claims, audienceOf(claims, audiences))
      cache.accept(hash, info)
      return info
    } catch (error) {
      if (error instanceof InvalidTokenError) cache.refuse(hash, error.reason)
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

/** Inside the breaker: an answer that a stranger can bring about must not look like an outage. */
function verdictOn(token: string) {
  return (error: unknown): Claims => {
    if (isVerdict(error, token)) return { active: false }
    throw error
  }
}

function checkActive({ active, iss, token_type, exp, nbf }: Claims, issuer: string): void {
  if (active !== true) throw new InvalidTokenError('inactive')
  // The rest is optional; but what is there must be right.
  if (iss !== undefined && iss !== issuer) throw new InvalidTokenError('issuer')
  // An endpoint knows refresh tokens too, and says of one bound to a key that it is `DPoP`.
  const isBearer = typeof token_type === 'string' && /^(bearer|access_token)$/i.test(token_type)
  if (token_type !== undefined && !isBearer) throw new InvalidTokenError('type')
  const nowSeconds = Date.now() / 1000
  // A number and nothing that compares like one: the cache ends by it.
  if (exp !== undefined && !(isTime(exp) && exp > nowSeconds))
    throw new InvalidTokenError('expired')
  if (nbf !== undefined && !(isTime(nbf) && nbf <= nowSeconds + NOT_BEFORE_TOLERANCE))
    throw new InvalidTokenError('not_yet')
}

/** A time as RFC 7662 has it: `1e999` is JSON too, and would never come. */
function isTime(value: unknown): value is number {
  return Number.isFinite(value)
}

/** Each request has its own: what a handler changes in it must not be changed for every later one. */
function copyOf({ scopes, resource, extra, ...info }: AuthInfo): AuthInfo {
  return {
    ...info,
    scopes: [...scopes],
    ...(resource && { resource: new URL(resource) }),
    extra: { ...extra },
  }
}
