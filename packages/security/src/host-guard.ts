import { sendRpcError } from '@mcp-prod/rpc'
import type { Request, RequestHandler } from 'express'
import { hostEntry, parseHost } from './host.js'
import { listOfTexts, refuse } from './options.js'
import { originSet } from './origins.js'

export interface HostGuardOptions {
  /** Hosts that clients reach this server by: `name` for any port, or `name:port`. */
  hosts: readonly string[]
  /** Origins of web pages that may call it, exactly. @default none */
  origins?: readonly string[]
  /** Accept any host, with `hosts` empty. Pages of strangers can then reach a server inside a network. @default false */
  dangerouslyAnyHost?: boolean
}

/**
 * Against DNS rebinding: a page whose own name is made to resolve to this server sends its own name as Host and
 * Origin. Answers 403 as JSON-RPC unless there is exactly one well-formed Host header that names one of `hosts`, the
 * request target is a path (RFC 9112 §3.2.1), and an Origin header, where there is one, is one of `origins`.
 *
 * @throws TypeError `ERR_SECURITY_OPTION` for a host or origin that is not exact, and for an empty `hosts`
 * without `dangerouslyAnyHost`.
 */
export function hostGuard(options: HostGuardOptions): RequestHandler {
  const { hosts, origins = [], dangerouslyAnyHost = false } = options
  const namesHost = hostList(hosts, dangerouslyAnyHost)
  const allowedOrigins = originSet('origins', origins)

  function problemOf(req: Request): string | undefined {
    // In absolute form (GET http://evil/mcp) the target's authority overrides Host: RFC 9112 §3.2.2.
    if (!req.originalUrl.startsWith('/')) return 'the request target must be a path'
    const { host, origin } = req.headers
    if (host === undefined || timesSent(req.rawHeaders, 'host') !== 1) {
      return 'exactly one Host header is required'
    }
    if (!namesHost(host)) return 'this Host is not allowed; see the option "hosts" of hostGuard'
    // Several Origin headers arrive joined by commas, which no origin in the set has.
    if (origin !== undefined && !allowedOrigins.has(origin)) {
      return 'this Origin is not allowed; see the option "origins" of hostGuard'
    }
    return undefined
  }

  return function hostGuardMiddleware(req, res, next) {
    const problem = problemOf(req)
    if (problem === undefined) return next()
    // Node would otherwise read a stranger's body to its end to use the connection again.
    if (hasBody(req) && !res.headersSent) res.set('Connection', 'close')
    sendRpcError(req, res, 403, { code: 403, message: `Forbidden: ${problem}` })
  }
}

function hostList(hosts: readonly string[], anyHost: boolean): (header: string) => boolean {
  listOfTexts('hosts', hosts)
  if (anyHost !== (hosts.length === 0)) {
    refuse(
      anyHost
        ? 'dangerouslyAnyHost makes hosts meaningless; leave one of them out'
        : 'hosts is empty, so every request would be refused; list the names that clients use, such as localhost',
    )
  }
  const allowed = new Set<string>()
  for (const entry of hosts) {
    const { name, port } = hostEntry('hosts', entry)
    allowed.add(port === '' ? `${name}:*` : `${name}:${port}`)
    // Clients leave the default port of their scheme out.
    if (port === '80' || port === '443') allowed.add(`${name}:`)
  }
  return function namesHost(header) {
    const host = parseHost(header)
    if (host === undefined) return false
    return anyHost || allowed.has(`${host.name}:*`) || allowed.has(`${host.name}:${host.port}`)
  }
}

/** Node keeps the first of several Host headers; what stands in front of it may go by the last. */
function timesSent(rawHeaders: readonly string[], name: string): number {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const sent = rawHeaders[i]
    if (sent?.length === name.length && sent.toLowerCase() === name) count++
  }
  return count
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
