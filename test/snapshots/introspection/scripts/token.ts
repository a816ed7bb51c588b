import { parseArgs } from 'node:util'
import { loadDevelopmentEnv } from '../src/config.js'
import { scopes } from '../src/scopes.js'

// Prints an access token of the development authorization server, for curl and scripts:
// npm run --silent token -- --scope stats:read
loadDevelopmentEnv()
const { values } = parseArgs({ options: { scope: { type: 'string', multiple: true } } })
const { OAUTH_ISSUER: issuer, RESOURCE_URL: resource = '', DEV_CLIENT_SECRET: secret } = process.env
try {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: {
      Authorization: `Basic ${Buffer.from(`dev-machine:${secret}`).toString('base64')}`,
    },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      scope: (values.scope ?? scopes).join(' '),
      resource,
    }),
  })
  const answer = (await response.json()) as { access_token?: string; error_description?: string }
  if (!answer.access_token) throw new Error(answer.error_description)
  process.stdout.write(`${answer.access_token}\n`)
} catch (error) {
  const { message, cause } = error as Error
  const why = cause instanceof Error ? cause.message || message : message
  process.stderr.write(`no token from ${issuer}: ${why}; is "npm run auth-server" running?\n`)
  process.exit(1)
}
