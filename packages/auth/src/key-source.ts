import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTHeaderParameters } from 'jose'
import { AuthUnavailableError, InvalidTokenError } from './errors.js'
import { requireFunction, requireMilliseconds, requireOption, requireUrl } from './options.js'
import { type OutboundOptions, outbound } from './outbound.js'
import {
  type RemoteDocument,
  type RemoteDocumentOptions,
  remoteDocument,
} from './remote-document.js'

/** Far more than any authorization server publishes. */
const MAX_JWKS_BYTES = 256 * 1024
/** Of a token that names no key, so many are tried. */
const MAX_CANDIDATES = 8

/** A key that a signature may be checked with; more than one where the token does not say which. */
export type VerificationKey = Awaited<ReturnType<ReturnType<typeof createLocalJWKSet>>>

/** Where the keys that tokens are signed with are found. */
export interface KeySource {
  /** @throws InvalidTokenError when there is no such key, AuthUnavailableError when that cannot be told now. */
  keysFor(header: JWTHeaderParameters): Promise<VerificationKey[]>
  /** @throws Error while the keys cannot be renewed: for a health check that is not critical. */
  check(): void
}

export interface RemoteKeysOptions extends OutboundOptions, RemoteDocumentOptions {}

type KeySet = ReturnType<typeof createLocalJWKSet>

/** The keys of a fixed JWK set (RFC 7517), for networks from which no authorization server can be reached. */
export interface StaticKeys extends KeySource {
  /** Puts another set in place, from the next token on. @throws TypeError `ERR_AUTH_OPTION` as `staticKeys`. */
  replace(jwks: string | JSONWebKeySet): void
}

/**
 * @param jwks as an object or as JSON. Public keys only.
 * @throws TypeError `ERR_AUTH_OPTION` for what is no key set, and for one with private or symmetric keys.
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
 * for `staleMs`; after that tokens are neither accepted nor refused (`AuthUnavailableError`).
 *
 * @throws TypeError `ERR_AUTH_OPTION` for a wrong URL or option.
 */
export function remoteKeys(url: string, options: RemoteKeysOptions = {}): KeySource {
  requireUrl('url of remoteKeys', url)
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

export async function keySetAt(url: string, send: ReturnType<typeof outbound>): Promise<KeySet> {
  const { status, json } = await send(url, { maxBytes: MAX_JWKS_BYTES })
  if (status !== 200 || !json)
    throw new Error(`@mcp-prod/auth: ${url} answered ${status}, not a JWK set`)
  return createLocalJWKSet(json as unknown as JSONWebKeySet)
}

async function remoteKeysFor(document: RemoteDocument<KeySet>, header: JWTHeaderParameters) {
  const known = await candidates(await document.get(), header)
  if (known) return known
  const renewed = await document.renew()
  return (renewed && (await candidates(renewed, header))) ?? noSuchKey()
}

/** The keys of a set that fit a token's header; undefined when there is none. */
async function candidates(
  keySet: KeySet,
  header: JWTHeaderParameters,
): Promise<VerificationKey[] | undefined> {
  try {
    return [await keySet(header, { payload: '', signature: '' })]
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return undefined
    if (error instanceof errors.JWKSMultipleMatchingKeys) return firstOf(error)
    if (error instanceof errors.JOSEError) throw new InvalidTokenError('key', { cause: error })
    // The key itself is broken, and that is the server's fault, not the caller's.
    throw new AuthUnavailableError('a key of the authorization server cannot be used', {
      cause: error,
    })
  }
}

async function firstOf(keys: AsyncIterable<VerificationKey>): Promise<VerificationKey[]> {
  const found: VerificationKey[] = []
  for await (const key of keys) if (found.push(key) >= MAX_CANDIDATES) break
  return found
}

function noSuchKey(): never {
  throw new InvalidTokenError('key')
}

function publicKeySet(jwks: string | JSONWebKeySet): KeySet {
  const set = typeof jwks === 'string' ? parsed(jwks) : jwks
  const keys: unknown = set?.keys
  const isList = Array.isArray(keys) && keys.length > 0
  // Nothing of a key is shown: it may be a private one.
  requireOption(
    isList,
    'jwks',
    'a JWK set { "keys": [...] } with one key at least',
    'something else',
  )
  for (const [index, key] of (keys as { kty?: unknown; d?: unknown }[]).entries()) {
    const isPublic = ['RSA', 'EC', 'OKP'].includes(String(key?.kty)) && key.d === undefined
    requireOption(
      isPublic,
      `jwks.keys[${index}]`,
      'a public RSA, EC or OKP key',
      'another kind of key',
    )
  }
  return createLocalJWKSet(set as JSONWebKeySet)
}

function parsed(text: string): JSONWebKeySet | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
