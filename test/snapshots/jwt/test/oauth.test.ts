import { auth, Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { scopes } from '../src/scopes.js'
import { clients } from './support/clients.js'
import { MemoryOAuth } from './support/oauth-client.js'
import { runningApp } from './support/running-app.js'

// The certified oidc-provider as authorization server, the SDK's own client, and a URL: nothing else is known.
let app: Awaited<ReturnType<typeof runningApp>>
beforeAll(async () => {
  app = await runningApp()
})
afterAll(() => app.close())

const numbers = { name: 'summarize_numbers', arguments: { numbers: [1, 2, 3] } }
const info = { name: 'test', version: '1.0.0' }

/** Connects, and signs in where the transport asks for it. */
async function connectBy(oauth: MemoryOAuth, mode: 'auto' | 'legacy') {
  for (const attempt of ['first', 'signed in']) {
    const client = new Client(info, { versionNegotiation: { mode } })
    const transport = new StreamableHTTPClientTransport(app.url, { authProvider: oauth })
    try {
      await client.connect(transport)
      return { client, transport }
    } catch (error) {
      if (attempt !== 'first') throw error
      await transport.finishAuth(oauth.answer.searchParams)
    }
  }
  throw new Error('not reached')
}

describe.each(['auto', 'legacy'] as const)('a client that knows only the URL (%s)', (mode) => {
  it('discovers where to get a token, gets one for this resource, and calls', async () => {
    const oauth = new MemoryOAuth()
    const { client } = await connectBy(oauth, mode)
    expect(oauth.asked).toHaveLength(1)
    expect(oauth.asked[0]?.split(' ')).toEqual(expect.arrayContaining(scopes))
    const { structuredContent } = await client.callTool(numbers)
    expect(structuredContent).toMatchObject({ mean: 2 })
    await client.close()
    expect(await app.logs()).toContain('"principal":"oauth:developer"')
  })

  it('is refused for a missing scope, steps up, and calls', async () => {
    const oauth = new MemoryOAuth()
    // Signs in for another scope than the tool will need.
    await auth(oauth, { serverUrl: app.url, scope: 'openid' })
    const authorizationCode = oauth.answer.searchParams.get('code') ?? ''
    const iss = oauth.answer.searchParams.get('iss') ?? ''
    await auth(oauth, { serverUrl: app.url, authorizationCode, iss })
    const { client, transport } = await connectBy(oauth, mode)
    await expect(client.callTool(numbers)).rejects.toThrow()
    expect(oauth.asked.at(-1)?.split(' ')).toContain('stats:read')
    await transport.finishAuth(oauth.answer.searchParams)
    const { structuredContent } = await client.callTool(numbers)
    expect(structuredContent).toMatchObject({ mean: 2 })
    await client.close()
  })
})

it('lets the first SDK find its way too', async () => {
  const oauth = new MemoryOAuth()
  const open = () => new LegacyTransport(app.url, { authProvider: oauth })
  const first = open()
  type Transport = Parameters<LegacyClient['connect']>[0]
  await expect(new LegacyClient(info).connect(first as Transport)).rejects.toThrow('Unauthorized')
  await first.finishAuth(oauth.answer.searchParams.get('code') ?? '')
  const client = new LegacyClient(info)
  await client.connect(open() as Transport)
  expect((await client.callTool(numbers)).structuredContent).toMatchObject({ mean: 2 })
  await client.close()
})

describe('discovery', () => {
  const at = (path: string) => fetch(new URL(path, app.url))

  it('serves the metadata in the path form, in the root form and by the name in the challenge', async () => {
    const challenge = (await fetch(app.url, { method: 'POST' })).headers.get('www-authenticate')
    const named = /resource_metadata="([^"]+)"/.exec(challenge ?? '')?.[1] ?? ''
    expect(new URL(named).pathname).toBe('/.well-known/oauth-protected-resource/mcp')
    for (const path of [named, '/.well-known/oauth-protected-resource']) {
      const response = await at(path)
      expect(response.status).toBe(200)
      expect(await response.json()).toMatchObject({
        resource: app.url.href,
        authorization_servers: [app.access.issuer],
        scopes_supported: scopes,
        bearer_methods_supported: ['header'],
      })
    }
  })
})

const call = (token: string) =>
  fetch(app.url, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${token}`,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: numbers }),
  })

describe('a token is refused', () => {
  const json = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = () => ({
    iss: app.access.issuer,
    aud: app.url.href,
    sub: 'attacker',
    scope: scopes.join(' '),
    exp: Math.floor(Date.now() / 1000) + 600,
  })

  it.each([
    ['without a signature', () => `${json({ alg: 'none' })}.${json(claims())}.`],
    ['with an invented signature', () => `${json({ alg: 'RS256' })}.${json(claims())}.c2ln`],
    ['of another kind', () => 'a-token-of-somewhere-else'],
    ['that was cut', () => app.token.slice(0, -4)],
  ])('%s', async (_, token) => {
    const response = await call(token())
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toContain('error="invalid_token"')
  })
})

it('never logs a token, and says in a word why one was refused', async () => {
  await call(app.token)
  await call(`${app.token}x`)
  const logs = await app.logs()
  expect(logs).not.toContain(app.token)
  expect(logs).toMatch(/"refusal":"[a-z_]+"/)
})

it.each(clients)('serves %s with a token that it was given', async (_, open) => {
  const client = await open(app.url, app.token)
  expect((await client.listTools()).tools.length).toBeGreaterThan(0)
  await client.close()
})
