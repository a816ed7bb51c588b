import { randomBytes } from 'node:crypto'
import { listenAuthServer } from '../../scripts/auth-server/listen.js'
import { scopes } from '../../src/scopes.js'

/** The canonical URI in the tests; where the server really listens is another matter, as behind a proxy. */
const RESOURCE_URL = 'http://localhost:8080/mcp'

/** An authorization server, two tokens of it, one with every scope and one with none, and the settings for both. */
export async function credentials(resource = RESOURCE_URL) {
  const machine = { clientId: 'dev-machine', clientSecret: randomBytes(32).toString('base64url') }
  const server = await listenAuthServer({ port: 0, resource, scopes, machine })
  const env: NodeJS.ProcessEnv = {
    ...required,
    RESOURCE_URL: resource,
    OAUTH_ISSUER: server.issuer,
    OAUTH_PRIVATE_HOSTS: new URL(server.issuer).host,
    OAUTH_CLIENT_ID: machine.clientId,
    OAUTH_CLIENT_SECRET: machine.clientSecret,
  }

  function ask(path: string, form: Record<string, string>) {
    const secret = Buffer.from(`${machine.clientId}:${machine.clientSecret}`).toString('base64')
    return fetch(server.issuer + path, {
      method: 'POST',
      headers: { Authorization: `Basic ${secret}` },
      body: new URLSearchParams(form),
    })
  }

  async function tokenFor(scope: string, target = resource): Promise<string> {
    const form = { grant_type: 'client_credentials', scope, resource: target }
    const answer = (await (await ask('/token', form)).json()) as { access_token: string }
    return answer.access_token
  }

  return {
    env,
    token: await tokenFor(scopes.join(' ')),
    bareToken: await tokenFor(''),
    principal: 'oauth:dev-machine',
    // The authorization server for development has one machine.
    barePrincipal: 'oauth:dev-machine',
    tokenFor,
    revoke: (token: string) => ask('/token/revocation', { token }),
    issuer: server.issuer,
    close: () => server.close(),
  }
}

/** Settings without which no start is possible, with values that will do. */
export const required: Record<string, string> = {
  RESOURCE_URL,
  OAUTH_ISSUER: 'https://issuer.example',
}
