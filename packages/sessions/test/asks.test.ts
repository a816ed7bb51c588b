import { setTimeout as sleep } from 'node:timers/promises'
import {
  type McpRequestContext,
  McpServer,
  type McpServerFactory,
} from '@modelcontextprotocol/server'
import { expect, it, vi } from 'vitest'
import * as z from 'zod'
import { memoryEventStore } from '../src/index.js'
import { begin, call, events, post, send } from './raw.js'
import { createTestServer, info, serve } from './support.js'

it('a client that never answers holds a call for so long and no longer', async () => {
  const { url, sessions } = await serve({ answerTimeoutMs: 300 })
  const { headers } = await begin(url)
  const stream = events(await post(url, call('sample'), headers))
  await stream.reading
  const [ask, answer] = stream.messages()
  expect(ask).toMatchObject({ method: 'sampling/createMessage' })
  expect(answer).toMatchObject({ id: 7, result: { isError: true } })
  expect(JSON.stringify(answer)).toContain('did not answer')
  expect(sessions.state().calls).toBe(0)
  const late = { jsonrpc: '2.0', id: ask?.id, result: { late: true } }
  expect((await post(url, late, headers)).status).toBe(202)
})

it('an answer counts once, and only under the id that was asked', async () => {
  const { url, errors } = await serve()
  const { headers } = await begin(url)
  const stream = events(await post(url, call('sample'), headers))
  await vi.waitFor(() => expect(stream.messages()).toHaveLength(1))
  const id = stream.messages()[0]?.id
  const answer = (text: string, as: unknown = id) =>
    post(
      url,
      {
        jsonrpc: '2.0',
        id: as,
        result: { role: 'assistant', model: 'm', content: { type: 'text', text } },
      },
      headers,
    )
  for (const wrong of [`${id}`, `${id}.0`, 99, '__proto__', 'constructor'])
    expect((await answer('wrong', wrong)).status).toBe(202)
  await answer('right')
  await answer('again')
  await stream.reading
  expect(stream.messages()).toHaveLength(2)
  expect(stream.state.text).toContain('right')
  expect(errors).toEqual([])
})

it('a question that is no JSON fails, and is not waited for', async () => {
  const heard: string[] = []
  const createServer = () => {
    const server = new McpServer(info)
    server.server.onerror = ({ message }) => heard.push(message)
    server.registerTool('ask', {}, async () => {
      const metadata = { count: 10n }
      await server.server.createMessage({ messages: [], maxTokens: 1, metadata } as never)
      return { content: [] }
    })
    return server
  }
  const { url } = await serve({ createServer, answerTimeoutMs: 50 })
  const { headers } = await begin(url)
  const stream = events(await post(url, call('ask'), headers))
  await stream.reading
  expect(stream.messages()).toMatchObject([{ id: 7, result: { isError: true } }])
  expect(stream.state.text).toContain('BigInt')
  await sleep(200)
  expect(heard).toEqual([])
})

/** Servers as they are made, so that a test can ask through them outside of any call. */
function kept() {
  const servers: McpServer[] = []
  return {
    servers,
    createServer(context: McpRequestContext) {
      const server = createTestServer(context) as McpServer
      servers.push(server)
      return server
    },
  }
}

it('a question that goes with no call fails at once where no stream is open', async () => {
  const { servers, createServer } = kept()
  const { url } = await serve({ createServer })
  await begin(url)
  const begun = performance.now()
  await expect(servers[0]?.server.listRoots()).rejects.toThrow('no stream open')
  expect(performance.now() - begun).toBeLessThan(10_000)
})

it('a question goes to the client of its own session, whoever’s call makes the server ask', async () => {
  const { servers, createServer } = kept()
  const asking: McpServerFactory = (context) => {
    const server = createServer(context)
    server.registerTool('ask_others', { inputSchema: z.object({}) }, async () => {
      const asked = servers.filter((other) => other !== server)
      const answers = await Promise.allSettled(asked.map((other) => other.server.listRoots()))
      return { content: [{ type: 'text', text: answers.map(({ status }) => status).join() }] }
    })
    return server
  }
  const { url } = await serve({ createServer: asking })
  await begin(url, { 'x-principal': 'victim' })
  const { headers } = await begin(url)
  const stream = events(await post(url, call('ask_others'), headers))
  await stream.reading
  expect(stream.messages()).toMatchObject([{ result: { content: [{ text: 'rejected' }] } }])
})

it('goes out on the stream of GET, and waits for it while it is cut where it can be resumed', async () => {
  const { servers, createServer } = kept()
  const { url, sessions } = await serve({ createServer, eventStore: memoryEventStore() })
  const { headers } = await begin(url)
  const abort = new AbortController()
  const first = events(
    await fetch(url, {
      signal: abort.signal,
      headers: { ...headers, accept: 'text/event-stream' },
    }),
  )
  await vi.waitFor(() => expect(first.got).toHaveLength(1))
  abort.abort()
  await vi.waitFor(() => expect(sessions.state().streams).toBe(0))
  const answer = servers[0]?.server.listRoots()
  await sleep(50)
  const last = { ...headers, 'last-event-id': String(first.got[0]?.id) }
  const second = events(await send(url, 'GET', last))
  await vi.waitFor(() => expect(second.messages()).toMatchObject([{ method: 'roots/list' }]))
  const roots = { roots: [{ uri: 'file:///a' }] }
  await post(url, { jsonrpc: '2.0', id: second.messages()[0]?.id, result: roots }, headers)
  expect(await answer).toMatchObject(roots)
})
