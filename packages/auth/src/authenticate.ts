import type { Request, RequestHandler, Response } from 'express'
import { type AuthInfo, setAuth, type TokenVerifier } from './auth-info.js'
import {
  bearerChallenge,
  type Challenge,
  type ChallengeError,
  closeOverUnreadBody,
  refuse,
  refuseForNow,
} from './challenge.js'
import type { CertificateVerifier } from './client-certificates.js'
import { AuthUnavailableError, InvalidTokenError } from './errors.js'
import { type HeaderFault, readBearer } from './header.js'
import { checkChallengeOptions, requireCount, requireFunction, requireScopes } from './options.js'
import { bearerAuthentication, callerOf } from './passport.js'
import type { ScopeHierarchy } from './scopes.js'
import { tell } from './tell.js'

export interface AuthenticateOptions {
  /** What the credentials are for, named in the challenge (RFC 9110 §11.5). @default 'mcp' */
  realm?: string
  /** Where the RFC 9728 metadata is, named in the challenge so that clients find the authorization server. */
  resourceMetadataUrl?: string
  /** Scopes a client should ask for, named in the challenge. @default [] */
  scopes?: readonly string[]
  /** Longest token that is looked at, in bytes. @default 8192 */
  maxTokenBytes?: number
  /** Which scopes include others: `scopeHierarchy(…)`. Whoever comes later sees them all. @default none do */
  hierarchy?: ScopeHierarchy
  /** Accept a client certificate where no Authorization header is sent: `clientCertificates(…)`. @default tokens alone */
  certificates?: CertificateVerifier
  /** Told why a request is refused, in a word that is never the caller's: for the log. @default none */
  onRefused?: (req: Request, reason: string) => void
}

/**
 * Lets a request pass only with a valid bearer token in its one Authorization header (RFC 6750 §2.1), and sets
 * `req.auth`. Mount it before anything that reads bodies. All else is answered with 401, a challenge and
 * JSON-RPC; with 503 and `Retry-After` while a verifier cannot tell. A verifier's own failure goes to the error handler.
 *
 * The challenge's `error`: none where no bearer token was sent, also for another scheme, which RFC 6750 §3.1
 * counts as no authentication information. `invalid_token` for a wrong, expired or malformed one.
 * `invalid_request` for several headers, with 401 instead of the 400 it suggests, since MCP clients act on 401.
 *
 * @throws TypeError `ERR_AUTH_OPTION` at creation for a wrong option.
 */
export function authenticate(
  verify: TokenVerifier,
  options: AuthenticateOptions = {},
): RequestHandler {
  const { realm = 'mcp', resourceMetadataUrl, scopes = [], maxTokenBytes = 8192 } = options
  const { hierarchy, certificates, onRefused = () => {} } = options
  requireFunction('verify', verify)
  checkChallengeOptions(realm, resourceMetadataUrl)
  requireScopes('scopes', scopes)
  requireCount('maxTokenBytes', maxTokenBytes, 1)
  for (const [name, option] of Object.entries({ hierarchy, certificates, onRefused })) {
    if (option !== undefined) requireFunction(name, option)
  }
  const authentication = bearerAuthentication(verify)
  const refusals = refusalsOf({ realm, scopes, resourceMetadataUrl }, maxTokenBytes)

  /** Who calls, or why that is not known. */
  async function identify(req: Request, res: Response): Promise<{ caller: AuthInfo } | Refusal> {
    const found = readBearer(req, maxTokenBytes)
    if ('token' in found) {
      const caller = await authentication(found.token, res)
      return caller ? { caller } : refusals.wrong
    }
    // Who sends any credentials is judged by them: what is wrong with those is not mended by other means.
    const isSilent = req.headers.authorization === undefined
    const caller = isSilent ? callerOf(certificates?.(req)) : undefined
    return caller ? { caller } : refusals[found.fault]
  }

  return async function authenticateMiddleware(req, res, next) {
    let found: { caller: AuthInfo } | Refusal
    try {
      found = await identify(req, res)
    } catch (error) {
      if (error instanceof AuthUnavailableError) {
        tell(onRefused, req, 'unavailable')
        return refuseForNow(req, res, error)
      }
      if (!(error instanceof InvalidTokenError)) {
        closeOverUnreadBody(req, res)
        return next(error)
      }
      found = { ...refusals.wrong, reason: error.reason }
    }
    if ('caller' in found) {
      const { caller } = found
      setAuth(req, hierarchy ? { ...caller, scopes: hierarchy(caller.scopes) } : caller)
      return next()
    }
    tell(onRefused, req, found.reason)
    // A wrong secret, an unknown id and an expired key look the same from outside.
    refuse(req, res, 401, found.challenge, { message: found.message })
  }
}

interface Refusal {
  challenge: string
  message: string
  reason: string
}

function refusalsOf(
  common: Challenge,
  maxTokenBytes: number,
): Record<HeaderFault | 'wrong', Refusal> {
  const refusal = (reason: string, error: ChallengeError | undefined, text: string) => ({
    challenge: bearerChallenge({ ...common, error }),
    message: `Unauthorized: ${text}`,
    reason,
  })
  const form = `Authorization must be Bearer, one space and a token of at most ${maxTokenBytes} bytes`
  return {
    missing: refusal(
      'missing',
      undefined,
      'send a token in the header Authorization: Bearer <token>',
    ),
    malformed: refusal('malformed', 'invalid_token', form),
    repeated: refusal(
      'repeated',
      'invalid_request',
      'the request has more than one Authorization header',
    ),
    wrong: refusal('unknown', 'invalid_token', 'the token is not valid'),
  }
}
