import { isIPv6 } from 'node:net'
import { refuse, shown } from './options.js'

export interface Host {
  /** In lower case; an IPv6 address in brackets, in the form of RFC 5952. */
  name: string
  /** Decimal, or `''` where none was given. */
  port: string
}

// Takes time linear in what a caller sends: one repetition, and it is not nested.
const HOST =
  /^(?:([a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)|\[([0-9a-f:.]{2,45})\])(?::([1-9][0-9]{0,4}))?$/i

/**
 * Reads `host[:port]` by a grammar narrower than RFC 3986 §3.2: letters, digits, `-`, `_` and dots inside, or a
 * bracketed IPv6 address without zone. URL parsers forgive too much for a guard: they drop `user@`, tabs and
 * newlines, decode percents, map Unicode onto ASCII and cut at `#`, `?` and backslashes.
 */
export function parseHost(text: string): Host | undefined {
  const [, name, ipv6, port = ''] = HOST.exec(text) ?? []
  if (Number(port) > 65_535) return undefined
  if (ipv6 !== undefined) {
    return isIPv6(ipv6) ? { name: new URL(`http://[${ipv6}]`).hostname, port } : undefined
  }
  if (name === undefined || name.includes('..')) return undefined
  return { name: name.toLowerCase(), port }
}

/** An entry of the operator's, which must also be how clients write that host: not `127.1`, not `0x7f.1`. */
export function hostEntry(option: string, entry: string): Host {
  const host = parseHost(entry)
  if (!host) {
    refuse(
      `${option} must hold exact hosts such as localhost, mcp.example.com:8443 or [::1], ` +
        `without scheme, path, wildcard or trailing dot (Unicode as xn--), got ${shown(entry)}`,
    )
  }
  const written = URL.canParse(`http://${host.name}`) && new URL(`http://${host.name}`).hostname
  if (written !== host.name) {
    refuse(
      `${option}: clients do not send ${shown(entry)}; write ${shown(written || 'a valid name')}`,
    )
  }
  return host
}
