import { randomUUID } from 'node:crypto'
import type { RunContext } from '@mcp-prod/tools'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { forget } from '../../src/tools/forget.js'
import { recall } from '../../src/tools/recall.js'
import { remember } from '../../src/tools/remember.js'
import { speaks2026 } from '../support/era.js'
import { openedRedis } from '../support/opened-redis.js'
import { testRedis } from '../support/redis-server.js'
import { runningApp } from '../support/running-app.js'
import { toolContext } from '../support/tool-context.js'

const server = await testRedis()
const REQUEST_STATE_KEYS = 'a-key-that-both-replicas-of-the-test-have'
const env = { REDIS_URL: server?.url ?? 'redis://127.0.0.1:1', REQUEST_STATE_KEYS }
const [app, other] = await Promise.all([runningApp(env), runningApp(env)])
afterAll(async () => {
  await Promise.all([app.close(), other.close()])
  await server?.close()
})

type Mode = 'auto' | 'legacy'
const modes: Mode[] = speaks2026 ? ['auto'] : []

/** A client whose person gives this answer. */
async function clientOf(mode: Mode, action: 'accept' | 'decline') {
  const client = new Client(
    { name: 'test', version: '1.0.0' },
    { capabilities: { elicitation: {} }, versionNegotiation: { mode } },
  )
  const asked: unknown[] = []
  client.setRequestHandler('elicitation/create', ({ params }) => {
    asked.push(params.message)
    return action === 'accept' ? { action, content: { confirmed: true } } : { action }
  })
  const requestInit = { headers: { Authorization: `Bearer ${app.token}` } }
  await client.connect(new StreamableHTTPClientTransport(app.url, { requestInit }))
  return { client, asked }
}

describe.skipIf(!server).each(modes)('a note, with a client in mode %s', (mode) => {
  it('goes once a person has agreed', async () => {
    const { client, asked } = await clientOf(mode, 'accept')
    const name = randomUUID()
    await client.callTool({ name: 'remember', arguments: { name, text: 'milk' } })
    const { structuredContent } = await client.callTool({ name: 'forget', arguments: { name } })
    expect(structuredContent).toEqual({ forgotten: true })
    expect(asked).toEqual([`Delete the note ${name}?`])
    const { isError } = await client.callTool({ name: 'recall', arguments: { name } })
    expect(isError).toBe(true)
    await client.close()
  })

  it('stays if the person does not', async () => {
    const { client } = await clientOf(mode, 'decline')
    const name = randomUUID()
    await client.callTool({ name: 'remember', arguments: { name, text: 'milk' } })
    const { structuredContent } = await client.callTool({ name: 'forget', arguments: { name } })
    expect(structuredContent).toEqual({ forgotten: false })
    const recalled = await client.callTool({ name: 'recall', arguments: { name } })
    expect(recalled.structuredContent).toEqual({ text: 'milk' })
    await client.close()
  })
})

const agreed = { agreed: { action: 'accept', content: { confirmed: true } } }

describe.skipIf(!server)('an answer', () => {
  const redis = openedRedis(env)
  beforeAll(() => redis.ready())
  afterAll(() => redis.close())
  const principal = { id: randomUUID(), clientId: 'test', scopes: [] }
  const context = (more: Partial<RunContext> = {}) =>
    toolContext({ services: { redis }, principal, ...more })
  const write = (text: string) => remember.run({ name: 'a', text }, context())

  const ask = (more: Partial<RunContext> = {}) => forget.run({ name: 'a' }, context(more))
  const stateOf = async () => Object(await ask()).state as string

  it('to what was not asked is asked for again, and the question has no word of the note', async () => {
    await write('milk')
    const unasked = await ask({ inputResponses: agreed })
    expect(unasked).toEqual({ state: expect.any(String), inputRequests: expect.anything() })
    expect(JSON.stringify(unasked)).not.toContain('milk')
  })

  it('holds for the note that was asked about, not for what replaced it', async () => {
    await write('milk')
    const requestState = await stateOf()
    await write('milk')
    await expect(ask({ inputResponses: agreed, requestState })).rejects.toThrow('has changed since')
    expect(await recall.run({ name: 'a' }, context())).toEqual({ text: 'milk' })
  })
})
