import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
import Provider from 'oidc-provider'
import { expect } from 'vitest'
import { must } from '../../command.js'
import { rpc } from '../ask.js'
import type { Here, Probe } from './probe.js'

export const authProbe: Probe = async (here) => {
  await apiKeysWork(here)
  await jwtsWork(here)
  await subjectIsPrinted(here)
}

async function apiKeysWork({ start, command }: Here) {
  const printed = await command('node -e')
  const [, key = ''] = /key: '([^']+)'/.exec(printed) ?? []
  const [, hash = ''] = /hash: '([0-9a-f]{64})'/.exec(printed) ?? []
  const API_KEYS = JSON.stringify([
    { id: 'ci', hash, principal: 'build', scopes: ['catalog:read'] },
  ])
  const program = await start({ API_KEYS })
  const stranger = await rpc('tools/call', { name: 'lookup' })
  expect(stranger.status).toBe(401)
  expect(stranger.headers.get('www-authenticate')).toContain('scope="catalog:read"')
  const wrong = await rpc('tools/call', {}, { authorization: `Bearer ${key.slice(0, -1)}!` })
  expect(wrong.status).toBe(401)
  const headers = { authorization: `Bearer ${key}` }
  const allowed = await rpc('tools/call', { name: 'lookup' }, headers)
  expect(allowed.json()).toEqual({ caller: 'build', calls: 1 })
  const denied = await rpc('tools/call', { name: 'refund' }, headers)
  expect(denied.status).toBe(403)
  expect(denied.json().error.data.requiredScopes).toContain('orders:write')
  program.signal('SIGKILL')
  await program.exit
}

async function jwtsWork({ start }: Here) {
  const { issuer, token, close } = await authorizationServer()
  try {
    const program = await start(
      { ISSUER: issuer, ISSUER_PRIVATE_HOSTS: new URL(issuer).host },
      'JWT access tokens',
    )
    const stranger = await rpc('ping')
    expect(stranger.status).toBe(401)
    expect(stranger.headers.get('www-authenticate')).toContain('resource_metadata=')
    const bearing = async (audience: string) => ({
      authorization: `Bearer ${await token(audience)}`,
    })
    const allowed = await rpc('ping', {}, await bearing('https://mcp.example.com/mcp'))
    expect(allowed.json()).toEqual({ caller: 'robot' })
    expect((await rpc('ping', {}, await bearing('https://other.example'))).status).toBe(401)
    program.signal('SIGKILL')
    await program.exit
  } finally {
    close()
  }
}

/** The certified server, with JWTs for whatever resource is asked for. */
async function authorizationServer() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  const provider = new Provider(issuer, {
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: '1' }] },
    clients: [
      {
        client_id: 'robot',
        client_secret: 'secret',
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
        getResourceServerInfo: (_ctx, audience) => ({
          scope: 'catalog:read',
          audience,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    ttl: { ClientCredentials: 60 },
  })
  server.on('request', provider.callback())

  async function token(resource: string): Promise<string> {
    const form = { grant_type: 'client_credentials', resource, scope: 'catalog:read' }
    const response = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('robot:secret')}` },
      body: new URLSearchParams(form),
    })
    const { access_token: issued } = (await response.json()) as { access_token: string }
    return issued
  }
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  return { issuer, token, close }
}

async function subjectIsPrinted({ command, folder }: Here) {
  const files = ['-keyout', 'client.key', '-out', 'client.pem']
  const subject = ['-subj', '/C=SE/O=Acme/CN=ci']
  await must(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...files, ...subject],
    folder,
  )
  // As the example beside it has it.
  expect(await command('openssl x509')).toContain('CN=ci,O=Acme,C=SE')
}
