import cors from 'cors'
import type { Request, RequestHandler } from 'express'
import { listOfTexts, refuse, shown, wholeNumber } from './options.js'
import { originSet } from './origins.js'

export interface CorsOptions {
  /** Request headers allowed besides those of MCP. @default none */
  allowedHeaders?: readonly string[]
  /** Response headers that scripts may read besides those of MCP. @default none */
  exposedHeaders?: readonly string[]
  /** Seconds for which a browser may remember a preflight's answer. @default 600 */
  maxAgeSeconds?: number
  /** Whether browsers may send cookies and client certificates. MCP needs neither. @default false */
  credentials?: boolean
}

const METHODS = ['GET', 'POST', 'DELETE']
const REQUEST_HEADERS = [
  'Authorization',
  'Content-Type',
  'MCP-Protocol-Version',
  'Mcp-Method',
  'Mcp-Name',
  'Mcp-Session-Id',
  'Last-Event-ID',
]
const RESPONSE_HEADERS = [
  'WWW-Authenticate',
  'Mcp-Session-Id',
  'Retry-After',
  'RateLimit',
  'RateLimit-Policy',
  'X-Request-Id',
]
const MCP_PARAM = /^mcp-param-[a-z0-9-]{1,64}$/i
const MAX_MCP_PARAMS = 32
const FIELD_NAME = /^[a-z0-9!#$%&'^_`|~+.-]+$/i

/**
 * CORS (Fetch §3.2) for exact origins, with the headers of MCP's HTTP transport. A preflight is answered with 204
 * whoever asks, so that it need not pass authentication; only a listed origin gets any permission with it.
 * An empty list adds no header and answers nothing.
 *
 * @throws TypeError `ERR_SECURITY_OPTION` for an origin that is not exact (`*`, `null`, a path, a wildcard,
 * credentials) and for wrong options.
 */
export function corsAllowlist(
  origins: readonly string[],
  options: CorsOptions = {},
): RequestHandler {
  const {
    allowedHeaders = [],
    exposedHeaders = [],
    maxAgeSeconds = 600,
    credentials = false,
  } = options
  const allowed = originSet('origins', origins)
  fieldNames('allowedHeaders', allowedHeaders)
  fieldNames('exposedHeaders', exposedHeaders)
  wholeNumber('maxAgeSeconds', maxAgeSeconds, 'seconds', 0)
  if (typeof credentials !== 'boolean') {
    refuse(`credentials must be true or false, got ${shown(credentials)}`)
  }

  const permit = cors<Request>((req, callback) =>
    callback(null, {
      // Only called for an origin of the list.
      origin: req.headers.origin ?? false,
      methods: METHODS,
      allowedHeaders: [...REQUEST_HEADERS, ...allowedHeaders, ...mcpParams(req)],
      exposedHeaders: [...RESPONSE_HEADERS, ...exposedHeaders],
      maxAge: maxAgeSeconds,
      credentials,
      preflightContinue: !isPreflight(req),
    }),
  )

  return function corsAllowlistMiddleware(req, res, next) {
    if (allowed.size === 0) return next()
    const preflight = isPreflight(req)
    if (preflight) res.vary('Access-Control-Request-Headers')
    if (allowed.has(req.headers.origin ?? '')) return permit(req, res, next)
    res.vary('Origin')
    if (preflight) res.status(204).end()
    else next()
  }
}

/** Fetch §3.2.2; any other OPTIONS request goes its way to authentication. */
function isPreflight({ method, headers }: Request): boolean {
  return (
    method === 'OPTIONS' &&
    headers.origin !== undefined &&
    headers['access-control-request-method'] !== undefined
  )
}

/** `Mcp-Param-*` names come from the tools' schemas, and CORS has no prefixes: so those asked for are allowed. */
function mcpParams({ headers }: Request): string[] {
  const asked = headers['access-control-request-headers']
  if (asked === undefined) return []
  const names = asked.split(',').map((name) => name.trim().toLowerCase())
  return [...new Set(names)].filter((name) => MCP_PARAM.test(name)).slice(0, MAX_MCP_PARAMS)
}

function fieldNames(option: string, names: readonly string[]): void {
  listOfTexts(option, names)
  const wrong = names.find((name) => !FIELD_NAME.test(name))
  if (wrong !== undefined) {
    refuse(`${option} must hold names of headers, without "*", got ${shown(wrong)}`)
  }
}
