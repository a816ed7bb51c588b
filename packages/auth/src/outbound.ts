import { lookup as dnsLookup } from 'node:dns'
import * as http from 'node:http'
import * as https from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { type AddressRules, addressProblem } from './address.js'
import { exchange, type OutboundAnswer, type OutboundRequest } from './exchange.js'
import { requireBoolean, requireHosts, requireMilliseconds } from './options.js'

export interface OutboundOptions {
  /**
   * Hosts trusted by name, `name` or `name:port`: their addresses may be private, and on this machine plain http will
   * do. Of all others only https to public addresses is accepted. @default []
   */
  privateHosts?: readonly string[]
  /** Take plain http also from other machines: whoever is on the way can then sign tokens. @default false */
  dangerouslyAllowHttp?: boolean
  /** Milliseconds for a whole exchange, name look-up and body included. @default 5000 */
  timeoutMs?: number
}

/** Sends one request and gives the answer, whatever its status. @throws Error that names the URL and no secret. */
export type Outbound = (url: string, request: OutboundRequest) => Promise<OutboundAnswer>

/**
 * The one way out for this package: to URLs from configuration and from metadata, which somebody else may have
 * written (SSRF). https only; the address is checked after look-up and is the one connected to, so that a name
 * cannot answer differently the second time; redirects are not followed; time and size are bounded.
 *
 * @throws TypeError `ERR_AUTH_OPTION` for wrong options.
 */
export function outbound(options: OutboundOptions = {}): Outbound {
  const { privateHosts = [], dangerouslyAllowHttp = false, timeoutMs = 5000 } = options
  requireHosts('privateHosts', privateHosts)
  requireMilliseconds('timeoutMs', timeoutMs)
  requireBoolean('dangerouslyAllowHttp', dangerouslyAllowHttp)
  const trusted = new Set(privateHosts.map((host) => host.toLowerCase()))
  // An idle connection ends before what is on the way forgets it; a request would wait on it in vain.
  const settings = { keepAlive: true, maxSockets: 64, maxFreeSockets: 8, timeout: timeoutMs }
  const agents = { 'http:': new http.Agent(settings), 'https:': new https.Agent(settings) }

  function rulesOf(url: URL): AddressRules {
    return {
      mayBePrivate: trusted.has(url.hostname) || trusted.has(`${url.hostname}:${portOf(url)}`),
      mustBeLoopback: url.protocol === 'http:' && !dangerouslyAllowHttp,
    }
  }

  return async function sendOutbound(text, request) {
    const url = new URL(text)
    if (url.protocol !== 'https:' && url.protocol !== 'http:')
      throw failure(url, 'it is no https URL')
    const rules = rulesOf(url)
    const literal = url.hostname.replace(/^\[|\]$/g, '')
    // A host that is an address already is never looked up.
    const problem = isIP(literal) ? addressProblem(literal, rules) : undefined
    if (problem) throw failure(url, problem)
    // One for all attempts, so that the limit is that of the whole.
    const signal = AbortSignal.timeout(timeoutMs)
    const agent = agents[url.protocol]
    try {
      return await exchange(url, request, { agent, lookup: guardedLookup(rules), signal })
    } catch (cause) {
      throw failure(url, signal.aborted ? `no answer within ${timeoutMs} ms` : textOf(cause), cause)
    }
  }
}

/** Looks up as Node would; one address that breaks the rules refuses the name, not only that address. */
function guardedLookup(rules: AddressRules): LookupFunction {
  return (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, [])
      for (const { address } of addresses) {
        const problem = addressProblem(address, rules)
        if (problem) return callback(new Error(problem), [])
      }
      const [first] = addresses
      if (options.all || !first) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}

function textOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code && !message.includes(code) ? `${code}: ${message}` : message
}

function portOf({ protocol, port }: URL): string {
  return port || (protocol === 'https:' ? '443' : '80')
}

/** Without query and credentials. */
function failure(url: URL, problem: string, cause?: unknown): Error {
  return new Error(`@mcp-prod/auth: ${url.origin}${url.pathname} cannot be used: ${problem}`, {
    cause,
  })
}
