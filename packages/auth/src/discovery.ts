import {
  documentOptions,
  type KeySource,
  keySetAt,
  keysFrom,
  type RemoteKeysOptions,
} from './key-source.js'
import { isEndpoint, requireUrl } from './options.js'
import { type Outbound, outbound } from './outbound.js'
import { type RemoteDocument, remoteDocument } from './remote-document.js'

const MAX_METADATA_BYTES = 256 * 1024
const HOUR_MS = 3_600_000

/** What is read of an authorization server's metadata (RFC 8414 §2). */
export interface ServerMetadata {
  issuer: string
  jwks_uri?: unknown
  introspection_endpoint?: unknown
}

/**
 * The keys that an issuer's own metadata names: RFC 8414 first, then OpenID Connect Discovery. The metadata is asked
 * for with the first token, not at creation: the server starts also while the issuer is away.
 *
 * @throws TypeError `ERR_AUTH_OPTION` for a wrong issuer or option.
 */
export function issuerKeys(issuer: string, options: RemoteKeysOptions = {}): KeySource {
  const send = outbound(options)
  const metadata = serverMetadata(issuer, send, options)
  return keysFrom(async () => {
    const { jwks_uri: url } = await metadata.get()
    return keySetAt(endpoint(issuer, 'jwks_uri', url), send)
  }, options)
}

/** The metadata of an authorization server, kept for an hour, and for a day when it is away. */
export function serverMetadata(
  issuer: string,
  send: Outbound,
  options: RemoteKeysOptions,
): RemoteDocument<ServerMetadata> {
  requireUrl('issuer', issuer)
  const { coolDownMs, onFailure } = documentOptions(options)
  const life = { freshMs: HOUR_MS, staleMs: 24 * HOUR_MS, coolDownMs, onFailure }
  return remoteDocument(() => readMetadata(issuer, send), life)
}

/** An endpoint out of metadata: text from elsewhere, so it is checked like an option. */
export function endpoint(issuer: string, name: string, value: unknown): string {
  if (isEndpoint(value)) return value
  throw new Error(`@mcp-prod/auth: the metadata of ${issuer} has no usable ${name}`)
}

async function readMetadata(issuer: string, send: Outbound): Promise<ServerMetadata> {
  const problems: string[] = []
  for (const url of metadataUrls(issuer)) {
    const { status, json } = await send(url, { maxBytes: MAX_METADATA_BYTES })
    // RFC 8414 §3.3: otherwise one issuer could speak for another.
    if (json?.issuer === issuer) return json as unknown as ServerMetadata
    problems.push(
      `${url} ${json ? `is of the issuer ${shown(json.issuer)}` : `answered ${status}`}`,
    )
  }
  throw new Error(`@mcp-prod/auth: no metadata of ${issuer} was found: ${problems.join('; ')}`)
}

/** Text from elsewhere, but what it is most often about: a slash at the end that one side has and the other has not. */
function shown(issuer: unknown): string {
  return String(JSON.stringify(issuer)).slice(0, 200)
}

/** In the order of MCP 2026-07-28, basic/authorization: the well-known part goes before the issuer's path, or behind. */
function metadataUrls(issuer: string): string[] {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  const before = ['oauth-authorization-server', 'openid-configuration'].map(
    (name) => `${origin}/.well-known/${name}${path}`,
  )
  return path === '' ? before : [...before, `${origin}${path}/.well-known/openid-configuration`]
}
