import type { RequestHandler } from 'express'
import { closeOverUnreadBody } from './challenge.js'
import { isScopeToken, requireOption, requireText, requireUrl } from './options.js'

export interface ProtectedResourceOptions {
  /** Issuers whose tokens this server accepts; one at least. */
  authorizationServers: readonly string[]
  /** Scopes that the endpoint and its tools use, and no others. @default [] */
  scopes?: readonly string[]
  /** For people. @default none */
  name?: string
  /** Where developers read about it. @default none */
  documentationUrl?: string
}

export interface ProtectedResource {
  /** Serves the metadata where clients look for it; mount it before authentication. */
  middleware: RequestHandler
  /** Where that is: the `resourceMetadataUrl` of `authenticate` and `authorize`. */
  metadataUrl: string
}

const WELL_KNOWN = '/.well-known/oauth-protected-resource'
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']

/**
 * Says which authorization servers a client should ask for a token (RFC 9728), at the path form and at the root form of
 * the well-known URL.
 *
 * @param resource the canonical URI of the MCP endpoint: https, or http on this machine, without a slash at its end.
 * @throws TypeError `ERR_AUTH_OPTION` for a wrong URI or option, and for the scope `offline_access`, which MCP forbids here.
 */
export function protectedResource(
  resource: string,
  options: ProtectedResourceOptions,
): ProtectedResource {
  const { authorizationServers, scopes = [], name, documentationUrl } = options
  const { origin, pathname } = requireResource(resource)
  const hasServer = Array.isArray(authorizationServers) && authorizationServers.length > 0
  requireOption(
    hasServer,
    'authorizationServers',
    'a list with one issuer at least',
    authorizationServers,
  )
  for (const issuer of authorizationServers) requireUrl('authorizationServers', issuer)
  const areScopes =
    Array.isArray(scopes) && scopes.every(isScopeToken) && !scopes.includes('offline_access')
  requireOption(areScopes, 'scopes', 'an array of scopes without offline_access', scopes)
  if (name !== undefined) requireText('name', name)
  if (documentationUrl !== undefined) requireUrl('documentationUrl', documentationUrl)

  const path = WELL_KNOWN + (pathname === '/' ? '' : pathname)
  const body = JSON.stringify({
    resource,
    authorization_servers: authorizationServers,
    ...(scopes.length > 0 && { scopes_supported: [...new Set(scopes)] }),
    bearer_methods_supported: ['header'],
    ...(name !== undefined && { resource_name: name }),
    ...(documentationUrl !== undefined && { resource_documentation: documentationUrl }),
  })

  return {
    metadataUrl: origin + path,
    middleware: function protectedResourceMiddleware(req, res, next) {
      if (req.path !== path && req.path !== WELL_KNOWN) return next()
      if (req.method !== 'GET' && req.method !== 'HEAD') {
        closeOverUnreadBody(req, res)
        res.set('Allow', 'GET, HEAD').status(405).json({ error: 'method_not_allowed' })
        return
      }
      res.set('Cache-Control', 'public, max-age=300').type('json').send(body)
    },
  }
}

/** RFC 8707 §2, MCP basic/authorization: clients send this very text, and tokens carry it as `aud`. */
function requireResource(resource: string): URL {
  const url = requireUrl('resource', resource)
  const isCanonical = resource === url.href.replace(/\/$/, '')
  requireOption(
    isCanonical,
    'resource',
    `canonical, without a slash at its end: ${url.href.replace(/\/+$/, '')}`,
    resource,
  )
  const isSafe = url.protocol === 'https:' || LOOPBACK.includes(url.hostname)
  requireOption(isSafe, 'resource', 'an https URL, or an http one on localhost', resource)
  return url
}
