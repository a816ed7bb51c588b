import type { Request, Response } from 'express'
import passport from 'passport'
import { Strategy, type VerifyFunction } from 'passport-http-bearer'
import type { AuthInfo, TokenVerifier } from './auth-info.js'

const STRATEGY = 'mcp-bearer'
const WITHOUT_SESSION = { session: false }

export type Authentication = (token: string, res: Response) => Promise<AuthInfo | undefined>

/**
 * passport's bearer strategy around a verifier, as a function of the token. Neither touches the real request:
 * the strategy would take `access_token` from body and query too, and passport would add login functions.
 */
export function bearerAuthentication(verify: TokenVerifier): Authentication {
  // An instance of our own, so that another user of passport in the process cannot replace the strategy.
  const authenticator = new passport.Passport()
  const verifyToken: VerifyFunction = (token, done) => {
    checked(verify, token).then((auth) => done(null, auth ?? false), done)
  }
  authenticator.use(STRATEGY, new Strategy(verifyToken))

  return function authenticateToken(token, res) {
    return new Promise((resolve, reject) => {
      // By name: passport then makes one object per attempt. A strategy given as an instance is shared, and of two
      // verifications at the same time one would get the other's answer.
      const attempt = authenticator.authenticate(
        STRATEGY,
        WITHOUT_SESSION,
        (error: unknown, auth?: unknown) =>
          error ? reject(error) : resolve((auth as AuthInfo) || undefined),
      )
      attempt(headerOnly(token), res, reject)
    })
  }
}

function headerOnly(token: string): Request {
  const seen = { headers: { authorization: `Bearer ${token}` }, body: undefined, query: undefined }
  return seen as unknown as Request
}

/** Runs the verifier and takes nothing from it but an AuthInfo, undefined or an Error. */
async function checked(verify: TokenVerifier, token: string): Promise<AuthInfo | undefined> {
  let auth: AuthInfo | undefined
  try {
    auth = await verify(token)
  } catch (error) {
    // Express would take a thrown 'route' as the order to skip what follows, and undefined as no error.
    throw error instanceof Error ? error : verifierError('threw what is no Error', error)
  }
  return callerOf(auth)
}

/** What a verifier returned, if it is a caller. @throws TypeError `ERR_AUTH_VERIFIER` for anything else but nothing. */
export function callerOf(auth: AuthInfo | undefined): AuthInfo | undefined {
  // `"admins".includes("admin")` holds: scopes in one text would grant parts of words.
  if (auth && !isAuthInfo(auth)) throw verifierError('must return AuthInfo or undefined')
  return auth || undefined
}

function isAuthInfo({ clientId, scopes }: AuthInfo): boolean {
  const known = typeof clientId === 'string' && clientId !== ''
  return known && Array.isArray(scopes) && scopes.every((scope) => typeof scope === 'string')
}

function verifierError(fault: string, cause?: unknown): TypeError {
  const error = new TypeError(`@mcp-prod/auth: the verifier ${fault}`, { cause })
  return Object.assign(error, { code: 'ERR_AUTH_VERIFIER' })
}
