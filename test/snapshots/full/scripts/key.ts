import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type ApiKey, generateApiKey, parseApiKeys } from '@mcp-prod/auth'
import { loadDevelopmentEnv } from '../src/config.js'

const USAGE = `Makes an API key, prints it once and adds its hash to the list of keys. A running server takes it over.

  npm run key -- <principal> [--scope stats:read]... [--expires 2027-01-31] [--file keys.json]

The list is --file, or the file that API_KEYS_FILE names. To revoke a key, remove its entry there.
`

loadDevelopmentEnv()
const { values, positionals } = readArguments()
const [principal] = positionals
if (!principal || positionals.length > 1) refuse('name one principal')
if (values.scope.includes('')) refuse('--scope must not be empty')
const expires = values.expires === undefined ? undefined : new Date(values.expires)
if (expires && !(expires.getTime() > Date.now())) {
  refuse(`--expires must be a date to come, such as 2027-01-31, got "${values.expires}"`)
}
const file = values.file ?? process.env.API_KEYS_FILE
if (!file) refuse('give --file, or set API_KEYS_FILE')

const { id, key, hash } = generateApiKey()
const expiry = expires && { expiresAt: expires.toISOString() }
add({ id, hash, principal, scopes: values.scope, ...expiry }, file)
process.stdout.write(`The key, shown only now; give it to ${principal}:

  ${key}

Its hash is in ${file}, as key ${id}.
`)

/** Beside the list first and then in its place, so that a server never reads half of it. */
function add(entry: ApiKey, list: string): void {
  try {
    const known: unknown = existsSync(list) ? JSON.parse(readFileSync(list, 'utf8')) : []
    const text = JSON.stringify([...(known as ApiKey[]), entry], null, 2)
    parseApiKeys(text)
    writeFileSync(`${list}.new`, `${text}\n`)
    renameSync(`${list}.new`, list)
  } catch (error) {
    process.stderr.write(`cannot add the key to ${list}: ${(error as Error).message}\n`)
    process.exit(1)
  }
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        scope: { type: 'string', multiple: true, default: [] },
        expires: { type: 'string' },
        file: { type: 'string' },
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
