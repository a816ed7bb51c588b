import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'
import { afterAll } from 'vitest'

/** Where `app` is sent back to with its code: nothing listens there. */
const CALLBACK = 'https://app.example/callback'
/** What form-encoding, Basic credentials and percent-decoding each read in their own way. */
export const SECRET = 'p%41:s+s w&=/"\\~!'
export const RESOURCE = 'https://mcp.example.com/mcp'

/** oidc-provider with opaque access tokens, for which it has an introspection and a revocation endpoint. */
export async function startAuthorizationServer() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterAll(() => {
    server.close()
    server.closeAllConnections()
  })
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider = providerOf(issuer)
  const answer = provider.callback()
  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    if (!req.url?.startsWith('/interaction/')) return answer(req, res)
    agree(provider, req, res).catch((error) => res.writeHead(500).end(String(error)))
  })

  /** A form to one of the endpoints, as the client `app`. */
  async function post(path: string, form: Record<string, string>) {
    const authorization = `Basic ${btoa('app:app-secret')}`
    const body = new URLSearchParams(form)
    const response = await fetch(issuer + path, {
      method: 'POST',
      headers: { authorization },
      body,
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`)
    return text === '' ? {} : (JSON.parse(text) as Record<string, string>)
  }

  return {
    issuer,
    /** An access token of the client's own. */
    async machineToken(resource = RESOURCE) {
      const form = { grant_type: 'client_credentials', scope: 'catalog:read', resource }
      const { access_token: token = '' } = await post('/token', form)
      return token
    },
    /** All that the code flow gives: an access, a refresh and an ID token of the user `alice`. */
    async userTokens() {
      const code = await authorizationCode(issuer)
      const form = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK }
      const {
        access_token = '',
        refresh_token = '',
        id_token = '',
      } = await post('/token', {
        ...form,
        resource: RESOURCE,
      })
      return { access: access_token, refresh: refresh_token, id: id_token }
    },
    revoke: (token: string) => post('/token/revocation', { token }),
  }
}

function providerOf(issuer: string): Provider {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const introspector = (
    client_id: string,
    method: 'client_secret_basic' | 'client_secret_post',
  ) => ({
    client_id,
    client_secret: SECRET,
    token_endpoint_auth_method: method,
    id_token_signed_response_alg: 'ES256' as const,
    grant_types: [],
    redirect_uris: [],
    response_types: [],
  })
  return new Provider(issuer, {
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] },
    cookies: { keys: ['of-a-test'] },
    scopes: ['openid', 'offline_access'],
    clients: [
      {
        client_id: 'app',
        client_secret: 'app-secret',
        grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
        redirect_uris: [CALLBACK],
        id_token_signed_response_alg: 'ES256',
      },
      introspector('mcp:server', 'client_secret_basic'),
      introspector('mcp-post', 'client_secret_post'),
    ],
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    pkce: { required: () => false },
    issueRefreshToken: () => true,
    ttl: {
      AccessToken: 60,
      ClientCredentials: 60,
      Grant: 600,
      IdToken: 60,
      Interaction: 60,
      Session: 60,
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource) => ({
          scope: 'catalog:read',
          audience: resource,
          accessTokenFormat: 'opaque',
          accessTokenTTL: 60,
        }),
      },
    },
  })
}

/** Signs in `alice`, who allows everything. */
async function agree(provider: Provider, req: IncomingMessage, res: ServerResponse) {
  const { params, prompt } = await provider.interactionDetails(req, res)
  if (prompt.name === 'login') {
    return provider.interactionFinished(req, res, { login: { accountId: 'alice' } })
  }
  const grant = new provider.Grant({ accountId: 'alice', clientId: String(params.client_id) })
  grant.addOIDCScope('openid offline_access')
  grant.addResourceScope(RESOURCE, 'catalog:read')
  return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } })
}

/** Follows the redirects of the code flow as a browser would, with its cookies. */
async function authorizationCode(issuer: string): Promise<string> {
  const query = new URLSearchParams({
    client_id: 'app',
    response_type: 'code',
    redirect_uri: CALLBACK,
    scope: 'openid offline_access catalog:read',
    prompt: 'consent',
    resource: RESOURCE,
  })
  const cookies = new Map<string, string>()
  let url = `${issuer}/auth?${query}`
  for (let step = 0; !url.startsWith(CALLBACK); step++) {
    if (step > 12) throw new Error(`the code flow does not end: ${url}`)
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ')
    const { headers, status } = await fetch(url, { headers: { cookie }, redirect: 'manual' })
    for (const line of headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      cookies.set(name, value)
    }
    const location = headers.get('location')
    if (location === null) throw new Error(`${url} answered ${status}`)
    url = new URL(location, url).href
  }
  return new URL(url).searchParams.get('code') ?? ''
}
