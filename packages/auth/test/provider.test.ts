import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
import Provider from 'oidc-provider'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { issuerKeys, type JwtOptions, jwtTokens } from '../src/index.js'
import { AUDIENCE, refusal } from './signing.js'

/** The certified authorization server, with JWT access tokens for whatever resource is asked for. */
let server: Server
let issuer: string
beforeAll(async () => {
  server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const keys = await Promise.all(['RS256', 'ES256'].map(privateJwk))
  const provider = new Provider(issuer, {
    jwks: { keys },
    clients: [
      {
        client_id: 'robot',
        client_secret: 'of a test',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, resource) => ({
          scope: 'catalog:read catalog:write',
          audience: resource,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: resource.includes('ec') ? 'ES256' : 'RS256' } },
        }),
      },
    },
    ttl: { ClientCredentials: 60 },
  })
  server.on('request', provider.callback())
})
afterAll(() => {
  server.close()
  server.closeAllConnections()
})

async function privateJwk(alg: string) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true })
  return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: alg }
}

async function accessToken(resource: string, scope = 'catalog:read'): Promise<string> {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`robot:${encodeURIComponent('of a test')}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope }),
  })
  const { access_token: token } = (await response.json()) as { access_token?: string }
  if (token === undefined) throw new Error(`the token endpoint answered ${response.status}`)
  return token
}

function verifier(options: Partial<JwtOptions> = {}) {
  const keys = issuerKeys(issuer, { privateHosts: ['127.0.0.1'] })
  return jwtTokens({ issuer, audience: AUDIENCE, keys, ...options })
}

describe('a JWT of oidc-provider', () => {
  it('for this server is accepted, found by its metadata', async () => {
    const verify = verifier({ requireAccessTokenType: true })
    expect(await verify(await accessToken(AUDIENCE))).toEqual({
      token: '[redacted]',
      clientId: 'robot',
      scopes: ['catalog:read'],
      expiresAt: expect.any(Number),
      resource: new URL(AUDIENCE),
      extra: { principal: 'robot', issuer },
    })
    const audience = 'https://ec.example/mcp'
    const both = await accessToken(audience, 'catalog:read catalog:write')
    expect((await verifier({ audience })(both)).scopes).toEqual(['catalog:read', 'catalog:write'])
  })

  it.each(['https://other.example/mcp', `${AUDIENCE}/admin`, 'https://mcp.example'])(
    'for %s is refused',
    async (resource) => {
      expect(await refusal(verifier()(await accessToken(resource)))).toBe('audience')
    },
  )

  it('is refused where its issuer is not the one that is trusted', async () => {
    const token = await accessToken(AUDIENCE)
    expect(await refusal(verifier({ issuer: `${issuer}/` })(token))).toBe('issuer')
    expect(await refusal(verifier({ issuer: 'https://other.example' })(token))).toBe('issuer')
  })
})
