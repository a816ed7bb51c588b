import { lookup as dnsLookup } from 'node:dns'
import * as http from 'node:http'
import * as https from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { type AddressRules, addressProblem } from './address.js'
import { requireHosts, requireMilliseconds, requireOption } from './options.js'

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

export interface OutboundRequest {
  method?: 'GET' | 'POST'
  headers?: Record<string, string>
  body?: string
  maxBytes: number
}

export interface OutboundAnswer {
  status: number
  /** The parsed JSON object; undefined when the body is none. */
  json: Record<string, unknown> | undefined
}

/** Sends one request and gives the answer, whatever its status. @throws Error that names the host and no secret. */
export type Outbound = (url: string, request: OutboundRequest) => Promise<OutboundAnswer>

/**
 * The one way out for this package: to URLs from configuration and from metadata, which somebody else may have
 * written (SSRF). https only; the address is checked after look-up and is the one connected to, so that a name
 * cannot answer differently the second time; redirects are errors; time and size are bounded.
 *
 * @throws TypeError `ERR_AUTH_OPTION` for wrong options.
 */
export function outbound(options: OutboundOptions = {}): Outbound {
  const { privateHosts = [], dangerouslyAllowHttp = false, timeoutMs = 5000 } = options
  requireHosts('privateHosts', privateHosts)
  requireMilliseconds('timeoutMs', timeoutMs)
  requireOption(
    typeof dangerouslyAllowHttp === 'boolean',
    'dangerouslyAllowHttp',
    'true or false',
    dangerouslyAllowHttp,
  )
  const trusted = new Set(privateHosts.map((host) => host.toLowerCase()))
  const settings = { keepAlive: true, maxSockets: 64, maxFreeSockets: 8 }
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
    const exchange = () =>
      exchangeOnce(url, request, {
        agent: agents[url.protocol as keyof typeof agents],
        lookup: guardedLookup(rules),
        signal: AbortSignal.timeout(timeoutMs),
      })
    try {
      // The server may close a kept connection just as it is used again: that says nothing about the server.
      return await exchange().catch((error) =>
        isReset(error) ? exchange() : Promise.reject(error),
      )
    } catch (cause) {
      throw failure(url, textOf(cause, timeoutMs), cause)
    }
  }
}

interface Connection {
  agent: http.Agent
  lookup: LookupFunction
  signal: AbortSignal
}

function exchangeOnce(
  url: URL,
  { method = 'GET', headers = {}, body, maxBytes }: OutboundRequest,
  connection: Connection,
): Promise<OutboundAnswer> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? https.request : http.request
    const request = send(url, {
      ...connection,
      method,
      // Inflated, a small answer could be a thousand times its size.
      headers: { accept: 'application/json', 'accept-encoding': 'identity', ...headers },
    })
    request.once('error', (error) => reject(Object.assign(error, { reused: request.reusedSocket })))
    request.once('response', (response) => {
      read(response, maxBytes).then(resolve, (error) => {
        request.destroy()
        reject(error)
      })
    })
    request.end(body)
  })
}

async function read(response: http.IncomingMessage, maxBytes: number): Promise<OutboundAnswer> {
  const { statusCode: status = 0, headers } = response
  if (status >= 300 && status < 400) throw new Error('it redirects, and redirects are not followed')
  if ((headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new Error('it is compressed')
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response) {
    length += chunk.length
    if (length > maxBytes) throw new Error(`its answer has more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return { status, json: jsonObject(Buffer.concat(chunks).toString()) }
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

function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function isReset(error: { code?: string; reused?: boolean }): boolean {
  return error.reused === true && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
}

function textOf(error: unknown, timeoutMs: number): string {
  const { name, code, message } = error as NodeJS.ErrnoException
  if (name === 'AbortError' || name === 'TimeoutError') return `no answer within ${timeoutMs} ms`
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
