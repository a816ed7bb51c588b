import { BlockList, isIP } from 'node:net'
import { refuse, shown } from './options.js'

const NAMED_NETWORKS = new Set(['loopback', 'linklocal', 'uniquelocal'])
const MAX_HOPS = 16
/** Shorter prefixes than those of 10.0.0.0/8 and fc00::/7 reach far beyond any network of one's own. */
const SHORTEST_PREFIX = { 4: 8, 6: 7 }
const REMEDY =
  'write the number of proxies in front of this server (0 for none), or their addresses and networks ' +
  'separated by commas, such as loopback,10.0.0.0/8'

/**
 * Reads `TRUST_PROXY` into a value for Express's `trust proxy`, which decides whose `X-Forwarded-*` headers are
 * believed: `0` nobody's, `2` those of the last two hops, else those of the listed addresses, networks, `loopback`,
 * `linklocal` or `uniquelocal`. There is no way to believe everyone: any client could then choose its own IP.
 *
 * @throws TypeError `ERR_SECURITY_OPTION` for `true`, `*`, all of IPv4 or IPv6, and whatever cannot be read.
 */
export function trustProxy(value: string): number | string[] | false {
  if (typeof value !== 'string') refuse(`trustProxy: ${REMEDY}; got ${shown(value)}`)
  const text = value.trim()
  if (text === '0') return false
  if (/^[1-9][0-9]?$/.test(text) && Number(text) <= MAX_HOPS) return Number(text)
  const entries = text.split(',').map((entry) => entry.trim().toLowerCase())
  const wrong = entries.find((entry) => !NAMED_NETWORKS.has(entry) && !isNetwork(entry))
  if (wrong !== undefined) refuse(`trustProxy: ${REMEDY}; got ${shown(wrong)}`)
  return entries
}

function isNetwork(entry: string): boolean {
  const [address = '', prefixText, ...rest] = entry.split('/')
  const family = isIP(address)
  if ((family !== 4 && family !== 6) || rest.length > 0 || address.includes('%')) return false
  const bits = family === 4 ? 32 : 128
  if (prefixText !== undefined && !/^(0|[1-9][0-9]{0,2})$/.test(prefixText)) return false
  const prefix = prefixText === undefined ? bits : Number(prefixText)
  if (prefix < SHORTEST_PREFIX[family] || prefix > bits) return false
  return family === 4 || !holdsMappedIPv4(address, prefix)
}

/** `::ffff:0:0/96` is all of IPv4 to Express; an IPv4 network is written as one. */
function holdsMappedIPv4(address: string, prefix: number): boolean {
  if (new URL(`http://[${address}]`).hostname.startsWith('[::ffff:')) return true
  const network = new BlockList()
  network.addSubnet(address, prefix, 'ipv6')
  return network.check('::ffff:0.0.0.1', 'ipv6')
}
