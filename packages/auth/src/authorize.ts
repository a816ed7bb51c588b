import { type Call, callsOf } from '@mcp-prod/rpc'
import type { Request, RequestHandler } from 'express'
import { authOf } from './auth-info.js'
import { bearerChallenge, refuse } from './challenge.js'
import { checkChallengeOptions, requireFunction, requireScopes } from './options.js'
import { tell } from './tell.js'

export interface AuthorizeOptions {
  /** Scopes that every request needs, whatever it calls. @default [] */
  scopes?: readonly string[]
  /** What the credentials are for, named in the challenge (RFC 9110 §11.5). @default 'mcp' */
  realm?: string
  /** Where the RFC 9728 metadata is, named in the challenge. */
  resourceMetadataUrl?: string
  /** Told of every refusal for lack of a scope: for a metric or an audit. @default none */
  onDenied?: (req: Request) => void
}

/**
 * Lets a request pass only when its caller holds the scopes of every call in it: one forbidden entry of a batch
 * refuses all of it with 403 `insufficient_scope` (RFC 6750 §3.1), which names all the scopes the request needs.
 * It looks at the parsed body alone, never at `Mcp-Name` or `Mcp-Method`. Mount it after `authenticate` and
 * `jsonBody`; a POST whose body nobody parsed is an error (`ERR_AUTH_ORDER`), not a request without calls.
 *
 * @param scopesOf the scopes one call needs. The call is the caller's text: look its name up in a `Map`.
 * @throws TypeError `ERR_AUTH_OPTION` at creation for a wrong option.
 */
export function authorize(
  scopesOf: (call: Call) => readonly string[],
  options: AuthorizeOptions = {},
): RequestHandler {
  const { scopes = [], realm = 'mcp', resourceMetadataUrl, onDenied = () => {} } = options
  requireFunction('scopesOf', scopesOf)
  requireFunction('onDenied', onDenied)
  requireScopes('scopes', scopes)
  checkChallengeOptions(realm, resourceMetadataUrl)
  const unauthenticated = bearerChallenge({ realm, resourceMetadataUrl })

  return function authorizeMiddleware(req, res, next) {
    const auth = authOf(req)
    if (!auth) {
      return refuse(req, res, 401, unauthenticated, {
        message: 'Unauthorized: the request has no caller',
      })
    }
    const calls = callsOf(req)
    if (calls.length === 0 && req.method === 'POST') return next(orderError())
    const needed = [scopes, ...calls.map((call) => scopesOf(call))]
    const allowed = needed.every((each) => each.every((scope) => grants(auth.scopes, scope)))
    if (allowed) return next()
    // All of them at once: a client that steps up scope by scope would ask its user as often.
    const requiredScopes = [...new Set(needed.flat())]
    const challenge = {
      realm,
      error: 'insufficient_scope',
      scopes: requiredScopes,
      resourceMetadataUrl,
    } as const
    tell(onDenied, req)
    refuse(req, res, 403, bearerChallenge(challenge), {
      message: 'Forbidden: the token lacks a scope that the request needs',
      data: { requiredScopes },
    })
  }
}

/** A scope held must be the one needed, to the letter: what includes others was written out by `hierarchy` before. */
function grants(held: readonly string[], needed: string): boolean {
  // Another middleware may have set `req.auth`; in a plain text `includes` would find parts of words.
  return Array.isArray(held) && held.includes(needed)
}

function orderError(): Error {
  const error = new Error(
    '@mcp-prod/auth: authorize found no parsed body; mount jsonBody before it',
  )
  return Object.assign(error, { code: 'ERR_AUTH_ORDER' })
}
