import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { generateApiKey, parseApiKeys } from '@mcp-prod/auth'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readConfig } from '../src/config.js'
import { scopes } from '../src/scopes.js'
import { connect } from './support/clients.js'
import { required } from './support/credentials.js'
import { runningApp } from './support/running-app.js'

const first = generateApiKey('first')
const entry = { id: first.id, hash: first.hash, principal: 'carol', scopes }
let app: Awaited<ReturnType<typeof runningApp>>
beforeAll(async () => {
  app = await runningApp({ API_KEYS: JSON.stringify([entry]) })
})
afterAll(() => app.close())

const callsWith = async (key: string) => {
  const client = await connect(app.url, key)
  const { tools } = await client.listTools()
  await client.close()
  return tools.length
}

it('takes an API key, and knows its principal', async () => {
  expect(await callsWith(first.key)).toBeGreaterThan(0)
  expect(await app.logs()).toContain('"principal":"carol"')
})

it('replaces the list while it runs: a new key works, one left out no longer', async () => {
  const second = generateApiKey('second')
  const keys = [{ ...entry, id: second.id, hash: second.hash }]
  const next = readConfig({ ...app.access.env, API_KEYS: JSON.stringify(keys) })
  app.auth.update(next, ['API_KEYS'])
  expect(await callsWith(second.key)).toBeGreaterThan(0)
  await expect(callsWith(first.key)).rejects.toThrow()
})

it('refuses a list that is none of hashes, without showing it', () => {
  const list = '[{"id":"a","hash":"hunter2","principal":"a","scopes":[]}]'
  const read = () => readConfig({ ...required, API_KEYS: list })
  expect(read).toThrow(/API_KEYS: .*hash/)
  expect(read).not.toThrow(/hunter2/)
})

it('makes a key by a command, prints it once and keeps only its hash', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'keys-'))
  const file = join(folder, 'keys.json')
  await writeFile(file, JSON.stringify([entry]))
  const words = ['--import', 'tsx', 'scripts/key.ts', 'dave', '--scope', 'stats:read']
  const { stdout } = await promisify(execFile)(process.execPath, [...words, '--file', file])
  const [key = ''] = /mcp_[A-Za-z0-9-]+_[\w-]{43}/.exec(stdout) ?? []
  const text = await readFile(file, 'utf8')
  expect(parseApiKeys(text).map(({ principal }) => principal)).toEqual(['carol', 'dave'])
  expect(text).not.toContain(key)
  app.auth.update(readConfig({ ...app.access.env, API_KEYS: text }), ['API_KEYS'])
  expect(await callsWith(key)).toBeGreaterThan(0)
  await rm(folder, { recursive: true })
})
