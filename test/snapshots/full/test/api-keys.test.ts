import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { generateApiKey, parseApiKeys } from '@mcp-prod/auth'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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

describe('the command that makes a key', { timeout: 60_000 }, () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'keys-'))
  })
  afterAll(() => rm(folder, { recursive: true }))
  const make = (file: string, ...words: string[]) =>
    promisify(execFile)(process.execPath, [
      ...['--import', 'tsx', 'scripts/key.ts', 'dave', '--file', file, ...words],
    ])

  it('prints it once, keeps its hash alone, and leaves mode and link of the list', async () => {
    const file = join(folder, 'keys.json')
    const link = join(folder, 'link.json')
    await writeFile(file, JSON.stringify([entry]), { mode: 0o600 })
    await symlink(file, link)
    const { stdout } = await make(link, '--scope', 'stats:read')
    const [key = ''] = /mcp_[A-Za-z0-9-]+_[\w-]{43}/.exec(stdout) ?? []
    const text = await readFile(file, 'utf8')
    expect(parseApiKeys(text).map(({ principal }) => principal)).toEqual(['carol', 'dave'])
    expect(text).not.toContain(key)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    app.auth.update(readConfig({ ...app.access.env, API_KEYS: text }), ['API_KEYS'])
    expect(await callsWith(key)).toBeGreaterThan(0)
  })

  it('loses no key of another run: what it says it added is there', async () => {
    const file = join(folder, 'shared.json')
    await writeFile(file, JSON.stringify([entry]))
    const runs = await Promise.allSettled([make(file), make(file), make(file), make(file)])
    const added = runs.filter(({ status }) => status === 'fulfilled').length
    expect(added).toBeGreaterThan(0)
    expect(parseApiKeys(await readFile(file, 'utf8'))).toHaveLength(1 + added)
    expect((await readdir(folder)).filter((name) => name.endsWith('.new'))).toEqual([])
  })

  it('begins a list only when told to, for a server would forget all others', async () => {
    const file = join(folder, 'missing.json')
    await expect(make(file)).rejects.toThrow('--new')
    await make(file, '--new')
    await expect(make(file, '--new')).rejects.toThrow('exists')
    expect(parseApiKeys(await readFile(file, 'utf8'))).toHaveLength(1)
  })

  it('refuses a scope that no tool needs', async () => {
    await expect(make(join(folder, 'keys.json'), '--scope', 'nosuch')).rejects.toThrow('stats:read')
  })
})
