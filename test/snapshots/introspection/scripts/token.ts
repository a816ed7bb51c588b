import { parseArgs } from 'node:util'
import { loadDevelopmentEnv } from '../src/config.js'
import { scopes } from '../src/scopes.js'

// Prints an access token of the development authorization server, for curl and scripts:
// npm run --silent token -- --scope stats:read
loadDevelopmentEnv()
const { values } = parseArgs({ options: { scope: { type: 'string', multiple: true } } })
const { OAUTH_ISSUER: issuer, RESOURCE_URL: resource = '', DEV_CLIENT_SECRET: secret } = process.env
const wanted = values.scope ?? scopes
const response = await fetch(`${issuer}/token`, {
  method: 'POST',
  headers: { Authorization: `Basic ${Buffer.from(`dev-machine:${secret}`).toString('base64')}` },
  body: new URLSearchParams({
    grant_type: 'client_credentials',
    scope: wanted.join(' '),
    resource,
  }),
}).catch(() => refuse(`${issuer} does not answer; is "npm run auth-server" running?`))
const answer = (await response.json().catch(() => ({}))) as Record<string, string | undefined>
const {
  access_token: token,
  scope = '',
  error_description: why = `status ${response.status}`,
} = answer
if (!token) refuse(`${issuer} gave no token: ${why}`)
const missing = wanted.filter((each) => !scope.split(' ').includes(each))
if (missing.length > 0) {
  refuse(
    `${issuer} knows no scope ${missing.join(', ')}; after a new tool it must be started again`,
  )
}
process.stdout.write(`${token}\n`)

function refuse(text: string): never {
  process.stderr.write(`${text}\n`)
  process.exit(1)
}
