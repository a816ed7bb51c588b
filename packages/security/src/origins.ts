import { hostEntry } from './host.js'
import { listOfTexts, refuse, shown } from './options.js'

const ORIGIN = /^([a-z][a-z0-9+.-]*):\/\/([^/?#@\\\s*]+)$/i
const DEFAULT_PORT = new Map([
  ['http', '80'],
  ['https', '443'],
])

/** The origins as browsers write them (RFC 6454 §6.2): lower case, no default port. */
export function originSet(option: string, origins: readonly string[]): ReadonlySet<string> {
  listOfTexts(option, origins)
  return new Set(origins.map((origin) => serialised(option, origin)))
}

function serialised(option: string, origin: string): string {
  const [, scheme = '', authority] = ORIGIN.exec(origin) ?? []
  const lowerScheme = scheme.toLowerCase()
  if (authority === undefined || lowerScheme === 'file') {
    refuse(
      `${option} must hold exact origins such as https://app.example.com:8443, without path, trailing slash, ` +
        `credentials or wildcard, and never "*" or "null"; got ${shown(origin)}`,
    )
  }
  const { name, port } = hostEntry(option, authority)
  const suffix = port === '' || port === DEFAULT_PORT.get(lowerScheme) ? '' : `:${port}`
  return `${lowerScheme}://${name}${suffix}`
}
