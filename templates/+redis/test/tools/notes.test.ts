import { randomUUID } from 'node:crypto'
import { ToolError } from '@mcp-prod/tools'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { recall } from '../../src/tools/recall.js'
import { remember } from '../../src/tools/remember.js'
import { clients } from '../support/clients.js'
import { openedRedis } from '../support/opened-redis.js'
import { command, testRedis } from '../support/redis-server.js'
import { runningApp } from '../support/running-app.js'
import { toolContext } from '../support/tool-context.js'

const server = await testRedis()
const url = server?.url ?? 'redis://127.0.0.1:1'
const redis = openedRedis({ REDIS_URL: url })
const app = await runningApp({ REDIS_URL: url })
beforeAll(async () => {
  if (server) await redis.ready()
})
afterAll(async () => {
  await redis.close()
  await app.close()
  await server?.close()
})

type Who = { id: string; tenant?: string } | undefined

function as(who: Who) {
  const principal = who && { clientId: 'test', scopes: [], ...who }
  const context = toolContext({ services: { redis }, principal })
  return {
    write: async (name: string, text: string) => remember.run({ name, text }, context),
    read: async (name: string) => recall.run({ name }, context),
  }
}
const someone = () => as({ id: randomUUID() })

describe.skipIf(!server)('notes', () => {
  it('are kept, replaced and given back', async () => {
    const alice = someone()
    expect(await alice.write('list', 'milk')).toEqual({ name: 'list' })
    await alice.write('list', 'milk, "bread"\r\n*1\r\n$8\r\nFLUSHALL')
    expect(await alice.read('list')).toEqual({ text: 'milk, "bread"\r\n*1\r\n$8\r\nFLUSHALL' })
    await expect(alice.read('other')).rejects.toThrow('There is no note other')
  })

  it('are of one caller alone, whatever callers are called', async () => {
    const id = randomUUID()
    const callers: Who[] = [
      { id },
      { id: `${id}:list` },
      { id: `${id} ` },
      { id, tenant: 'acme' },
      { id: `acme","${id}` },
      { id: JSON.stringify(['acme', id]) },
      { id: `*${id}`, tenant: '*' },
      undefined,
      { id: 'stdio' },
      { id: '"stdio"' },
    ]
    for (const [index, who] of callers.entries()) await as(who).write('list', `of ${index}`)
    for (const [index, who] of callers.entries()) {
      expect(await as(who).read('list')).toEqual({ text: `of ${index}` })
    }
  })

  it('are forgotten a week after the last was written', async () => {
    const before = (await command(url, 'KEYS', 'mcp:*:notes:*')) as string[]
    await someone().write('list', 'milk')
    const after = (await command(url, 'KEYS', 'mcp:*:notes:*')) as string[]
    const [key = ''] = after.filter((one) => !before.includes(one))
    expect(key).toMatch(/^mcp:[\w./-]+:notes:[0-9a-f]{64}$/)
    const seconds = Number(await command(url, 'TTL', key))
    expect(seconds).toBeGreaterThan(7 * 24 * 3600 - 60)
    expect(seconds).toBeLessThanOrEqual(7 * 24 * 3600)
  })

  it('are a hundred at most, also when many are written at once', async () => {
    const alice = someone()
    const writes = Array.from({ length: 130 }, (_, i) => alice.write(`note-${i}`, 'x'))
    const outcomes = await Promise.allSettled(writes)
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
    expect(refused).toHaveLength(30)
    for (const { reason } of refused) expect(reason).toBeInstanceOf(ToolError)
    await alice.write('note-0', 'replaced')
    expect(await alice.read('note-0')).toEqual({ text: 'replaced' })
    await expect(alice.write('one-more', 'x')).rejects.toThrow('too many notes')
  })

  it.each(clients)('answer %s', async (_, open) => {
    const client = await open(app.url, app.token)
    const note = { name: 'greeting', text: randomUUID() }
    await client.callTool({ name: 'remember', arguments: note })
    const recalled = await client.callTool({ name: 'recall', arguments: { name: 'greeting' } })
    expect(recalled.structuredContent).toEqual({ text: note.text })
    await client.close()
  })
})

it.each(['', '*', 'a b', 'A', '../x', 'a:b', 'notes:x', '-x', 'a\nb', 'é', 'x'.repeat(65)])(
  'refuses %j for a name',
  async (name) => {
    for (const tool of [remember, recall]) {
      const { issues } = await tool.input['~standard'].validate({ name, text: 'x' })
      expect(issues).toBeDefined()
    }
  },
)

it('refuses a long note', async () => {
  const input = { name: 'a', text: 'x'.repeat(2_001) }
  expect((await remember.input['~standard'].validate(input)).issues).toBeDefined()
})

it('tells the caller that Redis is away, and no more than that', async () => {
  const away = await runningApp({ REDIS_URL: 'redis://:hunter2@127.0.0.1:1' })
  const [[, open]] = clients
  const client = await open(away.url, away.token)
  const { isError, content } = await client.callTool({ name: 'recall', arguments: { name: 'a' } })
  expect({ isError, content }).toEqual({
    isError: true,
    content: [{ type: 'text', text: 'Notes are not available; try again in a minute' }],
  })
  expect(await away.logs()).toContain('redis connection lost')
  expect(await away.logs()).not.toContain('hunter2')
  await client.close()
  await away.close()
})
