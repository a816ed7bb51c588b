import { parseArgs } from 'node:util'
import { generateApiKey } from '@mcp-prod/auth'

const USAGE = `Makes an API key. The key is printed once; only its hash is kept.

  npm run key -- <principal> [--scope stats:read]... [--expires 2027-01-31]
`

const { values, positionals } = readArguments()
const [principal] = positionals
if (!principal || positionals.length > 1) refuse('name one principal')
if (values.scope.includes('')) refuse('--scope must not be empty')
const expires = values.expires === undefined ? undefined : new Date(values.expires)
if (expires && !(expires.getTime() > Date.now())) {
  refuse(`--expires must be a date to come, such as 2027-01-31, got "${values.expires}"`)
}

const { id, key, hash } = generateApiKey()
const expiry = expires && { expiresAt: expires.toISOString() }
const entry = { id, hash, principal, scopes: values.scope, ...expiry }
process.stdout.write(`The key, shown only now; give it to ${principal}:

  ${key}

Its entry for the JSON list in API_KEYS (or the file that API_KEYS_FILE names):

  ${JSON.stringify(entry)}
`)

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        scope: { type: 'string', multiple: true, default: [] },
        expires: { type: 'string' },
      },
    })
  } catch (error) {
    return refuse((error as Error).message)
  }
}

function refuse(why: string): never {
  process.stderr.write(`${why}\n\n${USAGE}`)
  process.exit(2)
}
