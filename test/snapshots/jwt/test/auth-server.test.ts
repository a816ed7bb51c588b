import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { credentials } from './support/credentials.js'

// It is for development, but on the developer's machine web pages and other programs can reach it too.
let access: Awaited<ReturnType<typeof credentials>>
beforeAll(async () => {
  access = await credentials()
})
afterAll(() => access.close())

const callback = 'http://localhost:49152/callback'

function register(client: object) {
  return fetch(`${access.issuer}/reg`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ token_endpoint_auth_method: 'none', ...client }),
  })
}

it('answers under its own names alone, or a rebound page could press its button', async () => {
  const { port } = new URL(access.issuer)
  const status = await new Promise((resolve, reject) => {
    const headers = { Host: `attacker.example:${port}` }
    request({ host: '127.0.0.1', port, path: '/jwks', headers }, (res) => {
      resolve(res.resume().statusCode)
    })
      .on('error', reject)
      .end()
  })
  expect(status).toBe(403)
  expect((await fetch(`${access.issuer}/jwks`)).status).toBe(200)
})

describe('a client that registers itself', () => {
  it('is taken when it asks a user and gets the answer on this machine', async () => {
    expect((await register({ redirect_uris: [callback] })).status).toBe(201)
    const native = { redirect_uris: ['cursor://oauth/callback'], application_type: 'native' }
    expect((await register(native)).status).toBe(201)
  })

  it.each([
    ['elsewhere', { redirect_uris: ['https://attacker.example/'] }],
    ['by another protocol', { redirect_uris: ['ftp://a.example/'], application_type: 'native' }],
    [
      'without a user',
      { redirect_uris: [], response_types: [], grant_types: ['client_credentials'] },
    ],
  ])('is refused when it wants its tokens %s', async (_, client) => {
    expect((await register(client)).status).toBe(400)
  })
})

it('gives no token for another resource', async () => {
  await expect(access.tokenFor('stats:read', 'https://other.example/mcp')).resolves.toBeUndefined()
})
