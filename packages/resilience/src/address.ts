import ipaddr from 'ipaddr.js'

/** Addresses that a host allowed by name may have: one's own networks, but never link-local, where cloud metadata is. */
const PRIVATE = new Set(['private', 'loopback', 'uniqueLocal', 'carrierGradeNat'])
/** All of IPv6 that IANA has handed out. To ipaddr.js whatever it has no name for is public, such as `::a00:1`. */
const PUBLIC_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3')
/** RFC 6052: the last four bytes are the IPv4 address that is reached. Other prefixes are a network's own (RFC 8215). */
const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96')

/** What a connection's address must be. */
export interface AddressRules {
  /** Whether addresses of private networks will do. */
  mayBePrivate: boolean
  /** Whether it must stay on this machine. */
  mustBeLoopback: boolean
}

/** Why no connection may go to this address, or undefined. */
export function addressProblem(address: string, rules: AddressRules): string | undefined {
  const range = rangeOf(address)
  if (rules.mustBeLoopback && range !== 'loopback')
    return 'plain http may only stay on this machine'
  if (range === 'unicast' || (rules.mayBePrivate && PRIVATE.has(range))) return undefined
  return `it resolves to an address that is not public (${range})`
}

/** The kind of an address by IANA's special-purpose registries; `unicast` is the public rest. */
function rangeOf(address: string): string {
  if (!ipaddr.isValid(address)) return 'invalid'
  // process() also unwraps ::ffff:10.0.0.1, which would reach 10.0.0.1.
  const parsed = ipaddr.process(address)
  const range = parsed.range()
  if (parsed instanceof ipaddr.IPv4) return range
  if (parsed.match(NAT64)) {
    const reached = ipaddr.fromByteArray(parsed.toByteArray().slice(-4))
    return reached.range() === 'unicast' ? 'unicast' : range
  }
  return range === 'unicast' && !parsed.match(PUBLIC_IPV6) ? 'reserved' : range
}
