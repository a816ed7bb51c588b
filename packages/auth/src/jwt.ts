import {
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyResult,
  jwtVerify,
} from 'jose'
import type { RemoteVerifier } from './auth-info.js'
import { audienceOf, type ClaimOptions, claimReader, requireAudiences } from './claims.js'
import { InvalidTokenError } from './errors.js'
import type { VerificationKey } from './key-set.js'
import type { KeySource } from './key-source.js'
import { requireBoolean, requireFunction, requireOption, requireText } from './options.js'

/** Signatures by a key pair. With an HMAC whoever can check a token can also make one. */
const ASYMMETRIC = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
] as const

export type JwtAlgorithm = (typeof ASYMMETRIC)[number]

export interface JwtOptions extends ClaimOptions {
  /** The `iss` that tokens must have, character by character. */
  issuer: string
  /** This server's canonical URI, as clients name it in `resource` (RFC 8707): one of the token's `aud` must be it. */
  audience: string | readonly string[]
  /** `issuerKeys(issuer)`, `remoteKeys(url)` or `staticKeys(jwks)`. */
  keys: KeySource
  /** Accepted signatures. @default RS, PS and ES with 256, 384 or 512 bits, EdDSA and Ed25519 */
  algorithms?: readonly JwtAlgorithm[]
  /** Seconds that the clocks of issuer and server may differ, for `exp` and `nbf`. @default 30 */
  clockToleranceSeconds?: number
  /** Accept only `typ: at+jwt`, as RFC 9068 §4 demands; many servers still write `JWT`, or nothing. @default false */
  requireAccessTokenType?: boolean
  /**
   * Asked last, of a token that is otherwise valid: for a list of revoked `jti` or `sub`. It bounds its own time, and
   * throws an `AuthUnavailableError` where it cannot tell. @default none
   */
  isRevoked?: (claims: JWTPayload) => boolean | Promise<boolean>
}

/**
 * Verifies JWT access tokens (RFC 9068, RFC 8725): signature, algorithm, `iss`, `aud`, `exp`, `nbf`, `typ`. A token that
 * is bound to a client's key (`cnf`) is refused, since a bearer cannot prove to hold it.
 *
 * @throws TypeError `ERR_AUTH_OPTION` at creation for a wrong option.
 */
export function jwtTokens(options: JwtOptions): RemoteVerifier {
  const { issuer, audience, keys, algorithms = ASYMMETRIC, isRevoked } = options
  const { clockToleranceSeconds = 30, requireAccessTokenType = false } = options
  requireText('issuer', issuer)
  const audiences = requireAudiences(audience)
  requireFunction('keys.keysFor', keys?.keysFor)
  requireFunction('keys.check', keys.check)
  checkAlgorithms(algorithms)
  const isTolerance = Number.isFinite(clockToleranceSeconds) && clockToleranceSeconds >= 0
  requireOption(
    isTolerance && clockToleranceSeconds <= 300,
    'clockToleranceSeconds',
    'a number of seconds from 0 to 300',
    clockToleranceSeconds,
  )
  requireBoolean('requireAccessTokenType', requireAccessTokenType)
  if (isRevoked !== undefined) requireFunction('isRevoked', isRevoked)
  const types = requireAccessTokenType ? ['at+jwt'] : ['at+jwt', 'jwt', '']
  const authInfoOf = claimReader(options)
  const rules = {
    issuer,
    algorithms: [...algorithms],
    clockTolerance: clockToleranceSeconds,
    requiredClaims: ['exp'],
  }

  async function verifyJwt(token: string) {
    const header = headerOf(token)
    // Before any key is looked for: what would be refused anyway must not cause a request to the issuer.
    if (!rules.algorithms.includes(header.alg as JwtAlgorithm))
      throw new InvalidTokenError('algorithm')
    if (!types.includes(typeOf(header.typ))) throw new InvalidTokenError('type')
    const candidates = await keys.keysFor({ ...header, alg: String(header.alg) })
    const { payload } = await verifiedByOneOf(candidates, (key) => jwtVerify(token, key, rules))
    const info = authInfoOf(payload, audienceOf(payload, audiences))
    if (await isRevoked?.(payload)) throw new InvalidTokenError('revoked')
    return info
  }

  return Object.assign(verifyJwt, { check: () => keys.check() })
}

async function verifiedByOneOf(
  candidates: readonly VerificationKey[],
  verify: (key: VerificationKey) => Promise<JWTVerifyResult>,
): Promise<JWTVerifyResult> {
  for (const key of candidates) {
    try {
      return await verify(key)
    } catch (error) {
      const isOfToken =
        error instanceof errors.JOSEError &&
        !(error instanceof errors.JWSSignatureVerificationFailed)
      if (isOfToken) throw refusalOf(error)
      // Signed by another key, or this one is too weak to count: the next may be the one.
    }
  }
  throw new InvalidTokenError('signature')
}

function headerOf(token: string) {
  try {
    return decodeProtectedHeader(token)
  } catch (cause) {
    throw new InvalidTokenError('form', { cause })
  }
}

/** RFC 7515 §4.1.9: `application/` may be left out, and case does not count. */
function typeOf(typ: unknown): string {
  if (typ === undefined) return ''
  // A list or an object would be text, too, once it is made one.
  return typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : 'none'
}

function refusalOf(error: InstanceType<typeof errors.JOSEError>): InvalidTokenError {
  if (error instanceof errors.JWTExpired) return new InvalidTokenError('expired')
  if (error instanceof errors.JWTClaimValidationFailed) {
    const reasons: Record<string, string> = {
      iss: 'issuer',
      nbf: 'not_yet',
      exp: 'expiry',
    }
    return new InvalidTokenError(reasons[error.claim] ?? 'claims')
  }
  return new InvalidTokenError('form', { cause: error })
}

function checkAlgorithms(algorithms: readonly string[]): void {
  const known: readonly string[] = ASYMMETRIC
  const holds = Array.isArray(algorithms) && algorithms.length > 0
  requireOption(
    holds && algorithms.every((algorithm) => known.includes(algorithm)),
    'algorithms',
    `a list of ${known.join(', ')}`,
    algorithms,
  )
}
