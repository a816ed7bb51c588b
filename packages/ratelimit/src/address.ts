import { isIP, isIPv4 } from 'node:net'
import type { Request } from 'express'

type Trust = (address: string, hop: number) => boolean

/** Addresses of documentation networks (RFC 5737, RFC 3849): no proxy has them. */
const STRANGERS = [
  ['192.0.2.1', '203.0.113.1'],
  ['2001:db8::1', '2001:db8:ffff::1'],
] as const
const FAR_AWAY_HOPS = 1000

/**
 * The key of a client's address, as Express sees it: `X-Forwarded-For` counts only through `trust proxy`.
 * One IPv4 address is one key, IPv4-mapped IPv6 included; an IPv6 network of `ipv6Prefix` bits is one key.
 * What is no address at all shares a single key, so that nonsense in a header cannot buy new ones.
 */
export function addressKey(ipv6Prefix: number): (req: Request) => string {
  let checked: unknown

  return function keyOf(req) {
    const trust = req.app.get('trust proxy fn') as Trust
    if (trust !== checked) {
      refuseTrustInStrangers(trust)
      checked = trust
    }
    return networkOf(req.ip ?? '', ipv6Prefix)
  }
}

/** The network that counts as one client: see `addressKey`. */
export function networkOf(given: string, ipv6Prefix: number): string {
  const address = isIP(given) ? given : withoutPort(given)
  if (isIPv4(address)) return address
  // A dual-stack socket names each of its IPv4 clients so.
  if (address.startsWith('::ffff:') && isIPv4(address.slice(7))) return address.slice(7)
  if (isIP(address) === 0) return 'unknown'
  const groups = groupsOf(address)
  if (groups[5] === 0xffff && groups.findIndex((group) => group !== 0) === 5) {
    const [high = 0, low = 0] = groups.slice(6)
    return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
  }
  let network = ''
  for (let bits = ipv6Prefix, i = 0; bits > 0; bits -= 16, i++) {
    const kept = bits >= 16 ? 0xffff : 0xffff << (16 - bits)
    network += `${((groups[i] ?? 0) & kept).toString(16)}:`
  }
  return `${network}:/${ipv6Prefix}`
}

/** Some balancers write `address:port`; a key per port would be a new quota per connection. */
function withoutPort(text: string): string {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\](?::\d{1,5})?|([\d.]+):\d{1,5})$/.exec(text) ?? []
  return bracketed ?? plain ?? text
}

/**
 * The eight groups of a valid IPv6 address (RFC 4291 §2.2). express-rate-limit's own helper takes 20 µs for it,
 * more than all the rest of a limit.
 */
function groupsOf(address: string): number[] {
  const zone = address.indexOf('%')
  const hex = withoutDots(zone < 0 ? address : address.slice(0, zone))
  const gap = hex.indexOf('::')
  if (gap < 0) return numbers(hex)
  const head = numbers(hex.slice(0, gap))
  const tail = numbers(hex.slice(gap + 2))
  while (head.length + tail.length < 8) head.push(0)
  return head.concat(tail)
}

function numbers(groups: string): number[] {
  return groups === '' ? [] : groups.split(':').map((group) => Number.parseInt(group, 16))
}

/** Writes the IPv4 address at the end as two groups. */
function withoutDots(address: string): string {
  if (!address.includes('.')) return address
  const start = address.lastIndexOf(':') + 1
  const [a = 0, b = 0, c = 0, d = 0] = address.slice(start).split('.').map(Number)
  return `${address.slice(0, start)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
}

/** With such a setting `req.ip` is whatever the client writes: no limit by address would hold. */
function refuseTrustInStrangers(trust: Trust): void {
  if (!STRANGERS.some((pair) => pair.every((address) => trust(address, FAR_AWAY_HOPS)))) return
  const error = new TypeError(
    '@mcp-prod/ratelimit: the Express setting "trust proxy" trusts every address, so any client can forge ' +
      'its own in X-Forwarded-For; set it to the number of your proxies or to their networks',
  )
  throw Object.assign(error, { code: 'ERR_RATELIMIT_TRUST_PROXY' })
}
