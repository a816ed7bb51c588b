import type { RequestHandler } from 'express'
import { type AuthInfo, setAuth, type TokenVerifier } from './auth-info.js'
import {
  bearerChallenge,
  type Challenge,
  type ChallengeError,
  closeOverUnreadBody,
  refuse,
} from './challenge.js'
import { readBearer } from './header.js'
import { checkChallengeOptions, isScopeToken, requireOption } from './options.js'
import { bearerAuthentication } from './passport.js'

export interface AuthenticateOptions {
  /** What the credentials are for, named in the challenge (RFC 9110 §11.5). @default 'mcp' */
  realm?: string
  /** Where the RFC 9728 metadata is, named in the challenge so that clients find the authorization server. */
  resourceMetadataUrl?: string
  /** Scopes a client should ask for, named in the challenge. @default [] */
  scopes?: readonly string[]
  /** Longest token that is looked at, in bytes. @default 8192 */
  maxTokenBytes?: number
}

/**
 * Lets a request pass only with a valid bearer token in its one Authorization header (RFC 6750 §2.1), and sets
 * `req.auth`. Mount it before anything that reads bodies. All else is answered with 401, a challenge and
 * JSON-RPC; a verifier's own failure goes to the error handler.
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
  requireOption(typeof verify === 'function', 'verify', 'a function', verify)
  checkChallengeOptions(realm, resourceMetadataUrl)
  requireOption(
    Array.isArray(scopes) && scopes.every(isScopeToken),
    'scopes',
    'an array of scopes',
    scopes,
  )
  const isSize = Number.isSafeInteger(maxTokenBytes) && maxTokenBytes > 0
  requireOption(isSize, 'maxTokenBytes', 'a positive number of bytes', maxTokenBytes)
  const authentication = bearerAuthentication(verify)
  const refusals = refusalsOf({ realm, scopes, resourceMetadataUrl }, maxTokenBytes)

  return async function authenticateMiddleware(req, res, next) {
    const found = readBearer(req, maxTokenBytes)
    let auth: AuthInfo | undefined
    if ('token' in found) {
      try {
        auth = await authentication(found.token, res)
      } catch (error) {
        closeOverUnreadBody(req, res)
        return next(error)
      }
    }
    if (auth) {
      setAuth(req, auth)
      return next()
    }
    // A wrong secret, an unknown id and an expired key look the same from outside.
    const { challenge, message } = refusals['fault' in found ? found.fault : 'wrong']
    refuse(req, res, 401, challenge, { message })
  }
}

function refusalsOf(common: Challenge, maxTokenBytes: number) {
  const refusal = (error: ChallengeError | undefined, reason: string) => ({
    challenge: bearerChallenge({ ...common, error }),
    message: `Unauthorized: ${reason}`,
  })
  const form = `Authorization must be Bearer, one space and a token of at most ${maxTokenBytes} bytes`
  return {
    missing: refusal(undefined, 'send a token in the header Authorization: Bearer <token>'),
    malformed: refusal('invalid_token', form),
    repeated: refusal('invalid_request', 'the request has more than one Authorization header'),
    wrong: refusal('invalid_token', 'the token is not valid'),
  }
}
