import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { legacy, legacyCall, post, serve } from '../../tools/test/support.js'
import { createToolServer, defineTool, inputRequired, toolHandler } from '../src/index.js'
import { serveApp } from './support/app.js'

const SECRET = 'hunter2'
const input = z.object({})
const fail = defineTool({
  name: 'fail',
  description: 'Fails',
  input,
  run: () => {
    throw new Error(`cannot reach postgres://app:${SECRET}@db`)
  },
})
const running = new Set<AbortSignal>()
const slow = defineTool({
  name: 'slow',
  description: 'Goes on until it is aborted',
  input,
  run: (_input, { signal }) =>
    new Promise<string>((resolve) => {
      running.add(signal)
      signal.addEventListener('abort', () => {
        running.delete(signal)
        resolve('stopped')
      })
    }),
})

describe('the text of an error', () => {
  it('stays in the log', async () => {
    const { url, logger } = await serve([fail])
    const { text } = await post(url, legacyCall('fail', {}).body)
    expect(text).not.toContain(SECRET)
    const [, id] = /correlation id ([0-9a-f-]{36})/.exec(text) ?? []
    expect(logger.error.mock.calls).toMatchObject([['tool failed', { correlationId: id }]])
  })

  it('of a factory stays there too', async () => {
    const broken = toolHandler(() => {
      throw new Error(SECRET)
    })
    const { url } = await serve([], {}, [], { parse: broken.middleware })
    const { status, text } = await post(url, legacy('tools/list', {}).body)
    expect([status, JSON.parse(text).error.code]).toEqual([500, -32603])
    expect(text).not.toContain(SECRET)
  })

  it.each([
    ['tools/call', { name: [SECRET] }],
    ['tools/call', { name: 'slow', arguments: SECRET }],
    ['tools/list', { cursor: { SECRET } }],
    ['logging/setLevel', { level: SECRET }],
    ['initialize', { protocolVersion: 7, clientInfo: SECRET }],
    ['ping', { _meta: SECRET }],
  ])('of the validator does not repeat what was sent: %s %j', async (method, params) => {
    const { url } = await serve([slow])
    const { text } = await post(url, legacy(method, params).body)
    expect(text).toMatch(/-32602|-32600/)
    expect(text).not.toMatch(/hunter2|invalid_type|expected/)
    expect(text.length).toBeLessThan(300)
  })

  it('is none of the SDK’s own where a client asks for tasks, which nobody has', async () => {
    const quick = defineTool({ name: 'quick', description: 'Ends', input, run: () => 'done' })
    const { url } = await serve([quick])
    const params = { name: 'quick', arguments: {}, task: { ttl: 1000 } }
    expect((await post(url, legacy('tools/call', params).body)).text).toContain('"done"')
  })
})

it('hears of progress also where a request names a task, which nobody has', async () => {
  const steps = defineTool({
    name: 'steps',
    description: 'Tells how far it is',
    input,
    async run(_input, { progress }) {
      await progress(1, 2)
      return 'done'
    },
  })
  const { url } = await serve([steps])
  const task = { 'io.modelcontextprotocol/related-task': { taskId: 't' } }
  const _meta = { progressToken: 'p', ...task }
  const { text } = await post(url, legacy('tools/call', { name: 'steps', _meta }).body)
  expect(text).toContain('"progressToken":"p","progress":1,"total":2')
  expect(text).toContain('"done"')
})

/** The id under which a question was asked. */
function idOf(stream: string, message: string): number {
  const [, id] = new RegExp(`"message":"${message}"[^\\n]*"id":(\\d+)`).exec(stream) ?? []
  return Number(id)
}

/** A session by hand. */
async function begin(url: URL, headers: Record<string, string>, capabilities: object = {}) {
  const send = (body: object, more: Record<string, string> = {}) =>
    fetch(url, {
      method: 'POST',
      headers: {
        ...headers,
        ...more,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...body }),
    })
  const clientInfo = { name: 'c', version: '1' }
  const params = { protocolVersion: '2025-11-25', capabilities, clientInfo }
  const begun = await send({ id: 1, method: 'initialize', params })
  await begun.text()
  const session = { 'mcp-session-id': begun.headers.get('mcp-session-id') ?? '' }
  await send({ method: 'notifications/initialized' }, session)
  return (body: object) => send(body, session)
}

describe('a call that nobody waits for ends', () => {
  it('when the client goes away', async () => {
    const { url, events } = await serve([slow])
    const gone = new AbortController()
    const { body } = legacyCall('slow', {})
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    }
    const init = { method: 'POST', headers, body: JSON.stringify(body), signal: gone.signal }
    const answer = fetch(url, init).then((response) => response.text())
    await vi.waitFor(() => expect(running.size).toBe(1))
    gone.abort()
    await expect(answer).rejects.toThrow()
    await vi.waitFor(() => expect([running.size, events[0]?.outcome]).toEqual([0, 'cancelled']))
  })

  // The SDK takes an id of 0 for none: such calls ran on for nobody, past every limit that counts calls.
  it.each([0, '', 7, 'x'])('when it is cancelled in its session, with the id %j', async (id) => {
    const { url, headers, calls, sessions } = await serveApp([slow])
    const send = await begin(url, headers.alice)
    const params = { name: 'slow', arguments: {} }
    const answer = send({ id, method: 'tools/call', params }).then((response) => response.text())
    await vi.waitFor(() => expect(running.size).toBe(1))
    await send({ method: 'notifications/cancelled', params: { requestId: id } })
    await vi.waitFor(() => expect([running.size, calls[0]?.outcome]).toEqual([0, 'cancelled']))
    expect(await answer).not.toContain('result')
    expect(sessions.state().calls).toBe(0)
  })

  it('at its deadline, whether it listens or not', async () => {
    const deaf = defineTool({
      name: 'deaf',
      description: 'Never ends',
      input,
      timeoutMs: 50,
      run: () => new Promise<string>(() => {}),
    })
    const { url, events } = await serve([deaf])
    const { text } = await post(url, legacyCall('deaf', {}).body)
    expect(text).toContain('did not answer within 50 ms')
    expect(events).toMatchObject([{ outcome: 'timeout' }])
  })
})

describe('questions', () => {
  const form = { type: 'object' as const, properties: {} }
  const ask = defineTool({
    name: 'ask',
    description: 'Asks for ever',
    input,
    run: (_input, { requireInput }) =>
      requireInput({
        inputRequests: { a: inputRequired.elicit({ message: '?', requestedSchema: form }) },
        state: 1,
      }),
  })
  const call = { id: 7, method: 'tools/call', params: { name: 'ask', arguments: {} } }

  it('end after eight', async () => {
    const { url, headers } = await serveApp([ask])
    const send = await begin(url, headers.alice, { elicitation: {} })
    const response = await send(call)
    let text = ''
    let answered = 0
    for await (const chunk of response.body as ReadableStream<Uint8Array>) {
      text += Buffer.from(chunk).toString()
      const ids = [...text.matchAll(/"method":"elicitation\/create"[^\n]*"id":(\d+)/g)]
      for (const [, id] of ids.slice(answered))
        void send({ id: Number(id), result: { action: 'accept', content: {} } })
      answered = ids.length
    }
    expect(text.match(/elicitation\/create/g)).toHaveLength(8)
    expect(text).toContain('asked for more 8 times')
  })

  it('are taken back when the call is over, and leave nothing with the server', async () => {
    const { url, headers, calls } = await serveApp([ask])
    const send = await begin(url, headers.alice, { elicitation: {} })
    const response = await send(call)
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    const seen = async (text: string) => {
      for (let all = ''; !all.includes(text); ) {
        const { done, value } = await reader.read()
        if (done) throw new Error(`ended without ${text}: ${all}`)
        all += Buffer.from(value).toString()
      }
    }
    await seen('elicitation/create')
    await send({ method: 'notifications/cancelled', params: { requestId: 7 } })
    await vi.waitFor(() => expect(calls).toHaveLength(1))
    await sleep(50)
    expect(calls[0]?.outcome).toBe('ok')
    expect((await send({ id: 8, method: 'ping' })).status).toBe(200)
  })

  it('are taken back when the answer to another is none, and only those that wait', async () => {
    const both = defineTool({
      name: 'both',
      description: 'Asks twice at once',
      input,
      run: (_input, { requireInput }) =>
        requireInput({
          inputRequests: {
            a: inputRequired.elicit({ message: 'first', requestedSchema: form }),
            b: inputRequired.elicit({ message: 'second', requestedSchema: form }),
          },
        }),
    })
    const { url, headers } = await serveApp([both])
    const send = await begin(url, headers.alice, { elicitation: {} })
    const params = { name: 'both', arguments: {} }
    const response = await send({ id: 7, method: 'tools/call', params })
    let text = ''
    for await (const chunk of response.body as ReadableStream<Uint8Array>) {
      const before = text
      text += Buffer.from(chunk).toString()
      const id = idOf(text, 'first')
      if (!text.includes('second') || before.includes('second')) continue
      void send({ id, error: { code: -32603, message: 'no' } })
    }
    const cancelled = [...text.matchAll(/"requestId":(\d+)/g)].map(([, id]) => Number(id))
    expect(cancelled).toEqual([idOf(text, 'second')])
    expect(text).toContain('"isError":true')
  })

  it('cannot be answered by who was not asked: the answers of an older request are no input', async () => {
    const { url } = await serve([ask])
    const inputResponses = { a: { action: 'accept', content: {} } }
    const params = { name: 'ask', arguments: {}, inputResponses, requestState: 'forged' }
    const { text } = await post(url, legacy('tools/call', params).body)
    expect(text).toContain('did not declare the required capability')
  })
})

it('keeps to itself what no output schema names, and wraps what is no object', async () => {
  const either = defineTool({
    name: 'either',
    description: 'Gives one or the other',
    input,
    output: z.union([z.object({ a: z.number() }), z.object({ b: z.number() })]),
    run: () => ({ a: 1, secret: SECRET }) as { a: number },
  })
  const { url } = await serve([either])
  const list = JSON.parse(
    /\{.*\}/.exec((await post(url, legacy('tools/list', {}).body)).text)?.[0] ?? '',
  )
  const [{ outputSchema }] = list.result.tools
  expect(outputSchema).toMatchObject({ type: 'object', required: ['result'] })
  const { text } = await post(url, legacyCall('either', {}).body)
  expect(text).toContain('"structuredContent":{"result":{"a":1}}')
  expect(text).not.toContain(SECRET)
})

it('has the same faults of options as tools', () => {
  const options = { name: 'x', version: '1', listPageSize: 0 }
  expect(() => createToolServer([], options)).toThrow('listPageSize')
  const factory = createToolServer([], { name: 'x', version: '1' })
  expect(() => toolHandler(factory, { keepAliveMs: -1 })).toThrow('keepAliveMs')
})
