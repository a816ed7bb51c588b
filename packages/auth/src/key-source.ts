import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { createLocalJWKSet, type JSONWebKeySet, type JWTHeaderParameters } from 'jose'
import { candidates, type KeySet, noSuchKey, type VerificationKey } from './key-set.js'
import { requireEndpoint, requireFunction, requireMilliseconds, requireOption } from './options.js'
import { type Outbound, type OutboundOptions, outbound } from './outbound.js'
import {
  type RemoteDocument,
  type RemoteDocumentOptions,
  remoteDocument,
} from './remote-document.js'

/** Far more than any authorization server publishes. */
const MAX_JWKS_BYTES = 256 * 1024
const MIN_RSA_BITS = 2048

/** Where the keys that tokens are signed with are found. */
export interface KeySource {
  /** @throws InvalidTokenError when there is no such key, AuthUnavailableError when that cannot be told now. */
  keysFor(header: JWTHeaderParameters): Promise<VerificationKey[]>
  /** @throws Error while the keys cannot be renewed: for a health check that is not critical. */
  check(): void
}

export interface RemoteKeysOptions extends OutboundOptions, RemoteDocumentOptions {}

/** The keys of a fixed JWK set (RFC 7517), for networks from which no authorization server can be reached. */
export interface StaticKeys extends KeySource {
  /** Puts another set in place, from the next token on. @throws TypeError `ERR_AUTH_OPTION` as `staticKeys`. */
  replace(jwks: string | JSONWebKeySet): void
}

/**
 * @param jwks as an object or as JSON. Public keys only.
 * @throws TypeError `ERR_AUTH_OPTION` for what is no key set, and for one with a private, symmetric, weak or broken key.
 */
export function staticKeys(jwks: string | JSONWebKeySet): StaticKeys {
  let keySet = publicKeySet(jwks)
  return {
    async keysFor(header) {
      return (await candidates(keySet, header)) ?? noSuchKey()
    },
    check() {},
    replace(next) {
      keySet = publicKeySet(next)
    },
  }
}

/**
 * The keys at a JWKS URL. A key that is not known is looked for again, once in `coolDownMs`, so that a
 * rotation is noticed and a flood of invented key ids is not passed on. While the server is away its last keys serve on
 * for `staleMs`; after that tokens are neither accepted nor refused (`AuthUnavailableError`). A set without any key counts
 * as no answer.
 *
 * @throws TypeError `ERR_AUTH_OPTION` for a wrong URL or option.
 */
export function remoteKeys(url: string, options: RemoteKeysOptions = {}): KeySource {
  requireEndpoint('url of remoteKeys', url)
  const send = outbound(options)
  return keysFrom(async () => keySetAt(url, send), options)
}

/** Keys from wherever `load` finds them, with the life of a remote document. */
export function keysFrom(load: () => Promise<KeySet>, options: RemoteDocumentOptions): KeySource {
  const keySet = remoteDocument(load, documentOptions(options))
  return {
    keysFor: (header) => remoteKeysFor(keySet, header),
    check: () => keySet.check(),
  }
}

export function documentOptions(options: RemoteDocumentOptions): Required<RemoteDocumentOptions> {
  const {
    freshMs = 600_000,
    staleMs = 3_600_000,
    coolDownMs = 30_000,
    onFailure = () => {},
  } = options
  requireMilliseconds('freshMs', freshMs)
  requireMilliseconds('staleMs', staleMs, freshMs)
  requireMilliseconds('coolDownMs', coolDownMs)
  requireFunction('onFailure', onFailure)
  return { freshMs, staleMs, coolDownMs, onFailure }
}

export async function keySetAt(url: string, send: Outbound): Promise<KeySet> {
  const { status, json } = await send(url, { maxBytes: MAX_JWKS_BYTES })
  const { origin, pathname } = new URL(url)
  const answered = `@mcp-prod/auth: ${origin}${pathname} answered ${status}`
  // A mishap at the issuer, which would have every valid token called invalid.
  if (Array.isArray(json?.keys) && json.keys.length === 0)
    throw new Error(`${answered} with an empty JWK set`)
  try {
    return createLocalJWKSet(json as unknown as JSONWebKeySet)
  } catch (cause) {
    throw new Error(`${answered}, not a JWK set`, { cause })
  }
}

async function remoteKeysFor(document: RemoteDocument<KeySet>, header: JWTHeaderParameters) {
  const known = await candidates(await document.get(), header)
  if (known) return known
  const renewed = await document.renew()
  return (renewed && (await candidates(renewed, header))) ?? noSuchKey()
}

function publicKeySet(jwks: string | JSONWebKeySet): KeySet {
  const set = typeof jwks === 'string' ? parsed(jwks) : jwks
  const keys: unknown = set?.keys
  const isList = Array.isArray(keys) && keys.length > 0
  // Nothing of a key is shown: it may be a private one.
  const shape = 'a JWK set { "keys": [...] } with one key at least'
  requireOption(isList, 'jwks', shape, 'something else')
  for (const [index, key] of (keys as JsonWebKey[]).entries()) {
    const kind = `a public RSA key of ${MIN_RSA_BITS} bits at least, or an EC or OKP one`
    requireOption(isPublicKey(key), `jwks.keys[${index}]`, kind, 'something else')
  }
  return createLocalJWKSet(set as JSONWebKeySet)
}

function isPublicKey(key: JsonWebKey): boolean {
  try {
    const { asymmetricKeyDetails } = createPublicKey({ key, format: 'jwk' })
    const { modulusLength = MIN_RSA_BITS } = asymmetricKeyDetails ?? {}
    // Of a private key the public half would have been taken.
    return key.d === undefined && modulusLength >= MIN_RSA_BITS
  } catch {
    return false
  }
}

function parsed(text: string): JSONWebKeySet | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
