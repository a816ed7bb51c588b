import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { defineResource, defineTool, inputRequired, inputResponse } from '../src/index.js'
import { atEnd, info, serveApp } from './support/app.js'

const capabilities = { elicitation: {}, sampling: {}, roots: {} }
const form = z.object({ name: z.string() })
const said = {
  role: 'assistant' as const,
  model: 'm',
  content: { type: 'text' as const, text: 'b' },
}
const elicited = { action: 'accept' as const, content: { name: 'ann' } }
const roots = { roots: [{ uri: 'file:///a' }] }

const interview = defineTool({
  name: 'interview',
  description: 'Asks the client for all that there is, twice',
  input: z.object({}),
  async run(_input, { inputResponses, requestState, requireInput, principal }) {
    if (requestState === 'twice') {
      const [who, what, where] = ['who', 'what', 'where'].map((name) =>
        inputResponse(inputResponses, name),
      )
      return JSON.stringify([principal?.id, who?.kind, what?.kind, where?.kind])
    }
    return requireInput({
      inputRequests: {
        who: inputRequired.elicit({ message: 'Who?', requestedSchema: form }),
        what: inputRequired.createMessage({ messages: [], maxTokens: 5 }),
        where: inputRequired.listRoots(),
      },
      state: requestState === undefined ? 'once' : 'twice',
    })
  },
})
const add = defineTool({
  name: 'add',
  description: 'Adds',
  input: z.object({ a: z.number(), b: z.number() }),
  output: z.object({ sum: z.number() }),
  run: ({ a, b }) => ({ sum: a + b, secret: 'hunter2' }),
})
const news = defineResource({ name: 'news', uri: 'n://news', run: () => 'None' })

type Headers = Record<string, string>

async function lineTwo(url: URL, headers: Headers, mode: 'auto' | 'legacy') {
  const client = new Client(info, { capabilities, versionNegotiation: { mode } })
  client.setRequestHandler('elicitation/create', () => elicited)
  client.setRequestHandler('sampling/createMessage', () => said)
  client.setRequestHandler('roots/list', () => roots)
  const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers } })
  await client.connect(transport)
  atEnd(() => client.close())
  return { client, transport, version: client.getNegotiatedProtocolVersion() }
}

async function lineOne(url: URL, headers: Headers) {
  const client = new ClientV1(info, { capabilities })
  client.setRequestHandler(ElicitRequestSchema, () => elicited)
  client.setRequestHandler(CreateMessageRequestSchema, () => said)
  client.setRequestHandler(ListRootsRequestSchema, () => roots)
  const transport = new TransportV1(url, { requestInit: { headers } })
  await client.connect(transport as Parameters<typeof client.connect>[0])
  atEnd(() => client.close())
  return { client, transport, version: transport.protocolVersion }
}

describe.each([
  ['SDK v1', lineOne],
  ['SDK v2, older revisions', (url: URL, headers: Headers) => lineTwo(url, headers, 'legacy')],
  ['SDK v2 of both eras', (url: URL, headers: Headers) => lineTwo(url, headers, 'auto')],
] as const)('%s', (_, open) => {
  it.each([
    ['in a session', true],
    ['without one', false],
  ])('lists, calls and reads %s', async (_where, withSessions) => {
    const { url, headers, calls } = await serveApp([add], { resources: [news] }, { withSessions })
    const { client, transport, version } = await open(url, headers.alice)
    expect(version).toBe('2025-11-25')
    expect(transport.sessionId === undefined).toBe(!withSessions)
    expect((await client.listTools()).tools).toMatchObject([{ name: 'add' }])
    const result = await client.callTool({ name: 'add', arguments: { a: 1, b: 2 } })
    expect(result).toMatchObject({ structuredContent: { sum: 3 } })
    expect(JSON.stringify(result)).not.toContain('hunter2')
    const { contents } = await client.readResource({ uri: 'n://news' })
    expect(contents).toMatchObject([{ text: 'None' }])
    expect(calls).toMatchObject([{ tool: 'add', outcome: 'ok', principal: { id: 'alice' } }])
  })

  it('is asked in its session, as often as the tool likes', async () => {
    const { url, headers } = await serveApp([interview])
    const { client } = await open(url, headers.alice)
    const { content } = await client.callTool({ name: 'interview' })
    const text = JSON.stringify(['alice', 'elicit', 'sampling', 'roots'])
    expect(content).toEqual([{ type: 'text', text }])
  })

  it('is told without one that it cannot be asked', async () => {
    const { url, headers } = await serveApp([interview], {}, { withSessions: false })
    const { client } = await open(url, headers.alice)
    const result = await client.callTool({ name: 'interview' })
    expect(result.isError).toBe(true)
    expect(JSON.stringify(result.content)).toContain('did not declare the required capability')
  })

  it('hears in its session of what has changed, and of the resources that it watches', async () => {
    const { url, headers, server, sessions } = await serveApp([add], { resources: [news] })
    const { client } = await open(url, headers.alice)
    const heard: string[] = []
    const hear = async ({ method }: { method: string }) => void heard.push(method)
    client.fallbackNotificationHandler = hear as never
    await vi.waitFor(() => expect(sessions.state().streams).toBe(1))
    server.notify.toolsChanged()
    server.notify.resourceUpdated('n://news')
    await client.subscribeResource({ uri: 'n://news' })
    server.notify.resourceUpdated('n://news')
    server.notify.resourceUpdated('n://other')
    await vi.waitFor(() => expect(heard).toHaveLength(2))
    expect(heard).toEqual(['notifications/tools/list_changed', 'notifications/resources/updated'])
  })
})

it('refuses who has no key, and another’s session', async () => {
  const { url, headers } = await serveApp([add])
  await expect(lineOne(url, {})).rejects.toThrow(/401|Unauthorized/)
  const { transport } = await lineOne(url, headers.alice)
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      ...headers.mallory,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-session-id': String(transport.sessionId),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
  })
  expect(answer.status).toBe(404)
})
