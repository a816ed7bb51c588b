import { loadDevelopmentEnv } from '../src/config.js'
import { scopes } from '../src/scopes.js'
import { listenAuthServer } from './auth-server/listen.js'

// An authorization server for development, in memory: what OAUTH_ISSUER in .env names. Everybody is signed in as
// "developer" by a click, so it must never be reachable by others, let alone guard a real resource.
loadDevelopmentEnv()
const { OAUTH_ISSUER = '', RESOURCE_URL: resource, DEV_CLIENT_SECRET: clientSecret } = process.env
const [, port] = /^http:\/\/localhost:(\d+)$/.exec(OAUTH_ISSUER) ?? []
if (!port || !resource || !clientSecret) {
  process.stderr.write(
    'OAUTH_ISSUER must be http://localhost:<port>, RESOURCE_URL and DEV_CLIENT_SECRET be set, as .env does\n',
  )
  process.exit(1)
}
const { issuer, close } = await listenAuthServer({
  port: Number(port),
  // In a container the port is published on the host's own loopback address only.
  host: process.env.AUTH_SERVER_HOST ?? '127.0.0.1',
  resource,
  scopes,
  machine: { clientId: 'dev-machine', clientSecret },
}).catch((error) => {
  process.stderr.write(`cannot listen on port ${port}, as OAUTH_ISSUER says: ${error.message}\n`)
  process.exit(1)
})
process.stdout.write(`authorization server for development: ${issuer}, for ${resource}\n`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, close)
