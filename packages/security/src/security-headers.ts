import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { RequestHandler } from 'express'
import helmet from 'helmet'
import { wholeNumber } from './options.js'

export interface SecurityHeadersOptions {
  /**
   * Seconds for which browsers shall reach this host over TLS only (RFC 6797 §6.1.1); they heed it over TLS
   * alone. 0 takes it back, `false` leaves the header out. @default 31536000 (365 days)
   */
  hstsMaxAgeSeconds?: number | false
}

/**
 * The headers that matter for a JSON API, as helmet sets them: `Content-Security-Policy` and
 * `X-Content-Type-Options` make an answer inert when a browser is pointed at it, `Cross-Origin-Resource-Policy`
 * keeps other sites from embedding it (CORS callers are not affected: Fetch §3.7 looks at it in no-cors mode only),
 * `Referrer-Policy`, `Strict-Transport-Security`, and `Cache-Control: no-store`, which a route may replace.
 * `X-Powered-By` goes. What only pages need is left out: each header costs time in each answer.
 *
 * @throws TypeError `ERR_SECURITY_OPTION` when `hstsMaxAgeSeconds` is neither `false` nor a whole number.
 */
export function securityHeaders(options: SecurityHeadersOptions = {}): RequestHandler {
  const { hstsMaxAgeSeconds = 31_536_000 } = options
  if (hstsMaxAgeSeconds !== false) wholeNumber('hstsMaxAgeSeconds', hstsMaxAgeSeconds, 'seconds', 0)
  const headers = Object.entries({
    ...helmetHeaders(hstsMaxAgeSeconds),
    'cache-control': 'no-store',
  })

  return function securityHeadersMiddleware(_req, res, next) {
    for (const [name, value] of headers) res.setHeader(name, value)
    res.removeHeader('X-Powered-By')
    next()
  }
}

/** Nothing here depends on the request, so helmet works once, not through six functions a request. */
function helmetHeaders(hstsMaxAgeSeconds: number | false): Record<string, string> {
  const setHeaders = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    referrerPolicy: { policy: 'no-referrer' },
    // Not for subdomains: what else lives below the host's name is not for an API to decide.
    strictTransportSecurity: hstsMaxAgeSeconds !== false && {
      maxAge: hstsMaxAgeSeconds,
      includeSubDomains: false,
    },
    crossOriginEmbedderPolicy: false,
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xFrameOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  })
  const sample = new ServerResponse(new IncomingMessage(new Socket()))
  setHeaders(sample.req, sample, (error) => {
    if (error) throw error
  })
  return Object.fromEntries(
    Object.entries(sample.getHeaders()).map(([name, value]) => [name, String(value)]),
  )
}
