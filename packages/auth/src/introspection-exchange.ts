import { isJwt } from './by-form.js'
import type { Claims } from './claims.js'
import { endpoint as endpointIn, serverMetadata } from './discovery.js'
import { requireEndpoint, requireOption, requireText } from './options.js'
import { type OutboundOptions, outbound } from './outbound.js'

const MAX_ANSWER_BYTES = 64 * 1024
/** Well below the breaker's pause: each of its attempts must be one. */
const METADATA_COOL_DOWN_MS = 1_000
/** What a server, or a firewall in front of it, can be made to answer by the mere text of tokens, or by their number. */
const OF_THE_TOKEN: readonly unknown[] = [400, 403, 406, 413, 422, 429]

export interface ExchangeOptions extends OutboundOptions {
  /** The authorization server; its metadata names the endpoint, and an `iss` in an answer must be it. */
  issuer: string
  /** How this server identifies itself at the endpoint. */
  clientId: string
  /** Its secret, or what gives the secret that is valid now: one that is rotated. */
  clientSecret: string | (() => string)
  /** @default the `introspection_endpoint` of the issuer's metadata */
  endpoint?: string
  /** How id and secret are sent (RFC 6749 §2.3.1): as Basic credentials or in the form. @default 'basic' */
  clientAuthentication?: 'basic' | 'post'
}

/**
 * Asks the endpoint about one token (RFC 7662 §2).
 *
 * @throws Error at each use when it does not answer as it should; neither token nor secret is in it.
 * @throws TypeError `ERR_AUTH_OPTION` at creation for a wrong option.
 */
export function introspectionExchange(
  options: ExchangeOptions,
): (token: string) => Promise<Claims> {
  const { issuer, clientId, clientSecret, endpoint, clientAuthentication = 'basic' } = options
  requireText('clientId', clientId)
  const isSecret = isText(clientSecret) || typeof clientSecret === 'function'
  // Not shown, whatever it is.
  requireOption(isSecret, 'clientSecret', 'a text, or a function that gives one', 'something else')
  const isKnown = ['basic', 'post'].includes(clientAuthentication)
  requireOption(isKnown, 'clientAuthentication', '"basic" or "post"', clientAuthentication)
  if (endpoint !== undefined) requireEndpoint('endpoint', endpoint)
  const send = outbound(options)
  const metadata = serverMetadata(issuer, send, { coolDownMs: METADATA_COOL_DOWN_MS })

  async function endpointUrl(): Promise<string> {
    if (endpoint !== undefined) return endpoint
    // The failure itself, which names the host: what it means for the request is decided elsewhere.
    const { introspection_endpoint: url } = await metadata.get().catch((error) => {
      throw error.cause ?? error
    })
    return endpointIn(issuer, 'introspection_endpoint', url)
  }

  function secretNow(): string {
    const secret = typeof clientSecret === 'function' ? clientSecret() : clientSecret
    if (isText(secret)) return secret
    throw new Error('@mcp-prod/auth: clientSecret gave no text')
  }

  return async function introspect(token) {
    const form = new URLSearchParams({ token, token_type_hint: 'access_token' })
    const headers: Record<string, string> = { 'content-type': 'application/x-www-form-urlencoded' }
    const secret = secretNow()
    if (clientAuthentication === 'basic') headers.authorization = basic(clientId, secret)
    else
      for (const pair of Object.entries({ client_id: clientId, client_secret: secret }))
        form.set(...pair)
    const url = await endpointUrl()
    const { status, json } = await send(url, {
      method: 'POST',
      headers,
      body: form.toString(),
      maxBytes: MAX_ANSWER_BYTES,
    })
    if (typeof json?.active === 'boolean') return json
    throw answerError(url, status)
  }
}

/** Whether a failure tells of the server, and not perhaps of a token that somebody made up. */
export function isOutage(error: unknown): boolean {
  return !OF_THE_TOKEN.includes(statusOf(error))
}

/** Whether a failure is the answer all the same: servers whose tokens are opaque say of a JWT 400, not `active: false`. */
export function isVerdict(error: unknown, token: string): boolean {
  return statusOf(error) === 400 && isJwt(token)
}

function statusOf(error: unknown): number | undefined {
  return (error as { status?: number } | undefined)?.status
}

function answerError(url: string, status: number): Error {
  const { origin, pathname } = new URL(url)
  const hint = status === 401 ? ': does it know clientId and clientSecret?' : ''
  const text = `@mcp-prod/auth: ${origin}${pathname} answered ${status}, not an introspection${hint}`
  return Object.assign(new Error(text), { status })
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

/** RFC 6749 §2.3.1: both are form-encoded first, so that a colon in either is none. */
function basic(id: string, secret: string): string {
  const encoded = [id, secret].map((text) => new URLSearchParams({ '': text }).toString().slice(1))
  return `Basic ${Buffer.from(encoded.join(':')).toString('base64')}`
}
