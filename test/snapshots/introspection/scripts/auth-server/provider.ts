import { generateKeyPairSync, randomBytes } from 'node:crypto'
import Provider, { type ClientMetadata, type Configuration, errors } from 'oidc-provider'
import { tokenFormat } from './token-format.js'

export interface AuthServerOptions {
  issuer: string
  /** The canonical URI of the MCP endpoint; tokens are for it and for nothing else. */
  resource: string
  scopes: readonly string[]
  /** A client that is there from the start: for tests, for `npm run token` and for introspection. */
  machine: { clientId: string; clientSecret: string }
}

const MINUTE = 60
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']

/** An authorization server for development: OpenID certified, in memory, with keys made anew at each start. */
export function createProvider(options: AuthServerOptions): Provider {
  const { issuer, resource, scopes, machine } = options
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const configuration: Configuration = {
    // Without keys of one's own oidc-provider takes those of its source, with which anybody can sign.
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' }] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    scopes: ['openid', 'offline_access', ...scopes],
    clients: [
      {
        client_id: machine.clientId,
        client_secret: machine.clientSecret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    // MCP clients that run on this machine register themselves, and may call from a page of theirs.
    clientBasedCORS: (_ctx, origin) =>
      URL.canParse(origin) && LOOPBACK.includes(new URL(origin).hostname),
    extraClientMetadata: {
      properties: ['redirect_uris', 'scope', 'grant_types'],
      validator: checkClient,
    },
    pkce: { required: () => true },
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        useGrantedResource: () => true,
        getResourceServerInfo(_ctx, indicator) {
          if (indicator !== resource) throw new errors.InvalidTarget()
          return {
            scope: scopes.join(' '),
            audience: resource,
            accessTokenFormat: tokenFormat,
            accessTokenTTL: 10 * MINUTE,
          }
        },
      },
    },
    ttl: {
      AccessToken: 10 * MINUTE,
      ClientCredentials: 10 * MINUTE,
      IdToken: 10 * MINUTE,
      Interaction: 10 * MINUTE,
      RefreshToken: 8 * 60 * MINUTE,
      Session: 8 * 60 * MINUTE,
      Grant: 8 * 60 * MINUTE,
    },
  }
  return new Provider(issuer, configuration)
}

/** A page on the internet could register itself too; but what it would be granted comes back to this machine alone. */
function checkClient(ctx: unknown, key: string, value: unknown, metadata: ClientMetadata): void {
  // The machine client of the start does not come by way of a request.
  if (ctx === undefined) return
  const values = [value ?? []].flat()
  // Clients register for the scopes they need first; stepping up to others later must be possible.
  if (key === 'scope') delete metadata.scope
  if (key === 'redirect_uris' && !values.every(leadsHere)) {
    throw new errors.InvalidClientMetadata('redirect_uris must lead back to this machine')
  }
  if (key === 'grant_types' && !values.every(asksAUser)) {
    throw new errors.InvalidClientMetadata('a client that registers itself must ask a user')
  }
}

function asksAUser(grant: unknown): boolean {
  return grant === 'authorization_code' || grant === 'refresh_token'
}

/** Also to a program on it, by a scheme of its own such as cursor://, but to no server elsewhere. */
function leadsHere(uri: unknown): boolean {
  const { protocol, hostname } = new URL(String(uri))
  if (/^https?:$/.test(protocol)) return LOOPBACK.includes(hostname)
  return !/^(ftp|wss?|file|data|javascript):$/.test(protocol)
}
