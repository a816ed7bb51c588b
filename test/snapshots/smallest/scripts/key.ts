import {
  existsSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { parseArgs } from 'node:util'
import { type ApiKey, generateApiKey, parseApiKeys } from '@mcp-prod/auth'
import { loadDevelopmentEnv } from '../src/config.js'
import { knownScopes } from '../src/scopes.js'

const USAGE = `Makes an API key, prints it once and adds its hash to the list of keys. A running server takes it over.

  npm run key -- <principal> [--scope stats:read]... [--expires 2027-01-31] [--file keys.json] [--new]

The list is --file, or the file that API_KEYS_FILE names; --new begins one. To revoke a key, remove its entry there; the
last one can only be replaced: a server without keys would serve nobody, so it keeps the old list.
`

loadDevelopmentEnv()
const { values, positionals } = readArguments()
const [principal] = positionals
if (!principal || positionals.length > 1) refuse('name one principal')
const strange = values.scope.find((scope) => !knownScopes.includes(scope) && !scope.endsWith(':*'))
if (strange !== undefined) {
  refuse(`no tool needs the scope "${strange}"; known: ${knownScopes.join(', ')}`)
}
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

Its hash is in ${file}, as key ${id}. A running server takes it over within five seconds,
and after a restart where this file alone is mounted into its container.
`)

/** Beside the list first, which also keeps a second run away, and then in its place: no server reads half of it. */
function add(entry: ApiKey, list: string): void {
  if (values.new && existsSync(list)) fail(`${list} exists; leave out --new`)
  if (!values.new && !existsSync(list)) fail(`${list} does not exist; --new begins a list`)
  // What is replaced is the file itself, not a link to it.
  const place = values.new ? list : realpathSync(list)
  const beside = `${place}.new`
  try {
    writeFileSync(beside, '', { flag: 'wx', mode: values.new ? 0o644 : statSync(place).mode })
  } catch (error) {
    fail(`${(error as Error).message}; if no other run is at work, remove ${beside}`)
  }
  try {
    const known = values.new ? [] : parseApiKeys(readFileSync(place, 'utf8'))
    writeFileSync(beside, `${JSON.stringify([...known, entry], null, 2)}\n`)
    renameSync(beside, place)
  } catch (error) {
    // Only where it is still ours: once in its place, the name may be another run's.
    rmSync(beside, { force: true })
    fail((error as Error).message)
  }
}

function fail(why: string): never {
  process.stderr.write(`the key is not added to ${file}: ${why}\n`)
  process.exit(1)
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        scope: { type: 'string', multiple: true, default: [] },
        expires: { type: 'string' },
        file: { type: 'string' },
        new: { type: 'boolean', default: false },
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
