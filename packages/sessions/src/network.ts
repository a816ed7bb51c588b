import { isIPv4, isIPv6 } from 'node:net'
import type { Request } from 'express'

type Trust = (address: string, hop: number) => boolean

/** Addresses of documentation networks (RFC 5737): no proxy has them. */
const STRANGERS = ['192.0.2.1', '203.0.113.1']
const FAR_AWAY_HOPS = 1000

/** The network of a caller whom nobody has named. Where every proxy is trusted `req.ip` is whatever the client writes. */
export function networkOf(req: Request): string {
  const trust = req.app.get('trust proxy fn') as Trust
  const forgeable = STRANGERS.every((address) => trust(address, FAR_AWAY_HOPS))
  return shared((forgeable ? req.socket.remoteAddress : req.ip) ?? '')
}

/** Customers of an IPv6 network hold up to a /56 of addresses each. What is no address shares one. */
function shared(address: string): string {
  if (isIPv4(address)) return address
  if (!isIPv6(address)) return 'unknown'
  const [head = [], tail] = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname
    .slice(1, -1)
    .split('::')
    .map((part) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))))
  const gap = tail ? new Array<number>(8 - head.length - tail.length).fill(0) : []
  const groups = [...head, ...gap, ...(tail ?? [])]
  const [a = 0, b = 0, c = 0, d = 0, , , high = 0, low = 0] = groups
  // A dual-stack socket names each of its IPv4 clients so.
  if (groups.slice(0, 6).join() === '0,0,0,0,0,65535')
    return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')
  return [a, b, c, d & 0xff00].map((group) => group.toString(16)).join(':')
}
