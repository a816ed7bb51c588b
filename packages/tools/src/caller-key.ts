import { isIPv4, isIPv6 } from 'node:net'
import type { AuthInfo } from '@modelcontextprotocol/server'
import type { Request } from 'express'

type Trust = (address: string, hop: number) => boolean

/** Addresses of documentation networks (RFC 5737): no proxy has them. */
const STRANGERS = ['192.0.2.1', '203.0.113.1']
const FAR_AWAY_HOPS = 1000

/**
 * Under which name a caller is counted, in its `auth.extra.tenant` where there is one. The kinds never meet: a client may be named
 * like a principal, or like an address, and a principal like one of a tenant.
 */
export function callerKey(
  principalOf?: (req: Request) => string | undefined,
): (req: Request) => string {
  return function keyOf(req) {
    const { auth } = req as { auth?: AuthInfo }
    const tenant = auth?.extra?.tenant
    const named = (kind: string, name: string) =>
      isName(tenant) ? `tenant ${kind} ${JSON.stringify([tenant, name])}` : `${kind} ${name}`
    const principal = principalOf ? principalOf(req) : auth?.extra?.principal
    if (isName(principal)) return named('principal', principal)
    if (!principalOf && isName(auth?.clientId)) return named('client', auth.clientId)
    return `address ${networkOf(addressOf(req))}`
  }
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

/** Where every proxy is trusted `req.ip` is whatever the client writes: there the connection's own address counts. */
function addressOf(req: Request): string {
  const trust = req.app.get('trust proxy fn') as Trust
  const forgeable = STRANGERS.every((address) => trust(address, FAR_AWAY_HOPS))
  return (forgeable ? req.socket.remoteAddress : req.ip) ?? ''
}

/** Customers of an IPv6 network hold up to a /56 of addresses each: the network is one caller. What is no address shares one. */
export function networkOf(address: string): string {
  if (isIPv4(address)) return address
  if (!isIPv6(address)) return 'unknown'
  const groups = groupsOf(address)
  const [a = 0, b = 0, c = 0, d = 0, , , high = 0, low = 0] = groups
  // A dual-stack socket names each of its IPv4 clients so.
  if (groups.slice(0, 6).join() === '0,0,0,0,0,65535')
    return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')
  return [a, b, c, d & 0xff00].map((group) => group.toString(16)).join(':')
}

/** The eight groups of a valid IPv6 address, however it is written. */
function groupsOf(address: string): number[] {
  const canonical = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1)
  const [head = [], tail] = canonical
    .split('::')
    .map((part) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))))
  if (!tail) return head
  return [...head, ...new Array(8 - head.length - tail.length).fill(0), ...tail]
}
