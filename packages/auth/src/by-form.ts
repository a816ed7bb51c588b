import { keyIdOf } from './api-key.js'
import type { AuthInfo, TokenVerifier } from './auth-info.js'
import { InvalidTokenError } from './errors.js'
import { requireFunction, requireOption } from './options.js'

export interface TokensByForm {
  /** For `mcp_<id>_<secret>`: `apiKeys(…)`. */
  apiKey?: TokenVerifier
  /** For three base64url parts of which the first is a JSON object: `jwtTokens(…)`. */
  jwt?: TokenVerifier
  /** For all other tokens: `introspectedTokens(…)`. */
  opaque?: TokenVerifier
}

/** `eyJ` is how base64url of `{"` begins: every JOSE header. */
const JWT = /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/

/**
 * Accepts tokens of several kinds. The form alone decides who is asked, and nobody is asked twice: a token refused by its
 * own verifier is refused, and what is sent to an authorization server is never an API key.
 *
 * @throws TypeError `ERR_AUTH_OPTION` without any verifier.
 */
export function tokensByForm(verifiers: TokensByForm): TokenVerifier {
  const { apiKey, jwt, opaque } = verifiers
  const given = Object.entries({ apiKey, jwt, opaque }).filter(([, verify]) => verify !== undefined)
  requireOption(given.length > 0, 'tokensByForm', 'given one verifier at least', 'none')
  for (const [name, verify] of given) requireFunction(name, verify)

  function verifierFor(token: string): TokenVerifier | undefined {
    if (keyIdOf(token) !== undefined) return apiKey
    return isJwt(token) && jwt ? jwt : opaque
  }

  return function verifyByForm(token): ReturnType<TokenVerifier> {
    const verify = verifierFor(token)
    if (!verify) throw new InvalidTokenError('form')
    return verify(token) as AuthInfo | undefined | Promise<AuthInfo | undefined>
  }
}

export function isJwt(token: string): boolean {
  return JWT.test(token)
}
