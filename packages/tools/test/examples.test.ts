import type { ElicitResult } from '@modelcontextprotocol/client'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { loadExamples } from './support/examples.js'
import { type EraOfClient, eras, type Served, serveExample } from './support/serve-example.js'
import { modernCall, post } from './support.js'

// The thread of an example loads tsx first.
vi.setConfig({ testTimeout: 120_000 })

const { examples, remove } = await loadExamples()
afterAll(remove)

type Check = (served: Served, era: EraOfClient) => Promise<void>
const text = (said: string) => [{ type: 'text', text: said }]
const isModern = (era: EraOfClient) => era === '2026-07-28'

/** What the sentences under each example promise, by its heading. */
const checks: Record<string, Check> = {
  async 'Output schema and structured content'({ connect }) {
    const client = await connect()
    const [tool] = (await client.listTools()).tools
    expect(tool?.outputSchema).toMatchObject({ properties: { degrees: { type: 'number' } } })
    const result = await client.callTool({ name: 'forecast', arguments: { city: 'Oslo' } })
    expect(result.structuredContent).toEqual({ city: 'Oslo', degrees: 21 })
    expect(result.content).toEqual(text(JSON.stringify(result.structuredContent)))
  },

  async 'Annotations and icons'({ connect }) {
    const client = await connect()
    const [tool] = (await client.listTools()).tools
    expect(tool).toMatchObject({
      title: 'Archive a mail',
      icons: [{ src: 'https://example.com/archive.png', mimeType: 'image/png', sizes: ['48x48'] }],
      annotations: {
        readOnlyHint: false,
        destructiveHint: false,
        idempotentHint: true,
        openWorldHint: false,
      },
    })
    const result = await client.callTool({ name: 'archive', arguments: { id: '7' } })
    expect(result.content).toEqual(text('archived 7'))
  },

  async 'Errors that the model reads'({ connect, logger }) {
    const client = await connect()
    const order = (article: string, count: number) =>
      client.callTool({ name: 'order', arguments: { article, count } })
    expect(await order('apple', 2)).toMatchObject({ content: text('ordered 2') })
    const refused = { isError: true, content: text('Only 3 are left; order fewer') }
    expect(await order('apple', 4)).toMatchObject(refused)
    const masked = await order('pear', 1).catch((error: Error & { code: number }) => error)
    expect(masked).toMatchObject({ code: -32603 })
    expect(String(masked)).not.toContain('db-3')
    const [message, fields] = logger.error.mock.lastCall ?? []
    expect([message, String(fields.error)]).toEqual([
      'tool failed',
      'Error: no row for pear in shop.stock at db-3',
    ])
    expect(JSON.stringify({ ...masked, text: String(masked) })).toContain(fields.correlationId)
  },

  async Progress({ connect }) {
    const client = await connect()
    const steps: unknown[] = []
    const convert = { name: 'convert', arguments: { pages: 2 } }
    await client.callTool(convert, { onprogress: (step) => steps.push(step) })
    expect(steps).toEqual([
      { progress: 1, total: 2, message: 'page 1' },
      { progress: 2, total: 2, message: 'page 2' },
    ])
    const notified = vi.fn()
    client.setNotificationHandler('notifications/progress', notified)
    expect((await client.callTool(convert)).content).toEqual(text('converted 2 pages'))
    expect(notified).not.toHaveBeenCalled()
  },

  async Cancellation({ connect, logger, ended, methods }, era) {
    const client = await connect()
    const wait = (seconds: number) => ({ name: 'wait', arguments: { seconds } })
    expect((await client.callTool(wait(0))).content).toEqual(text('waited 0 s'))
    const abort = new AbortController()
    const waiting = client.callTool(wait(20), { signal: abort.signal })
    waiting.catch(() => {})
    await vi.waitFor(() => expect(methods('tools/call')).toBe(2))
    if (era === '2025 without a session') await client.close()
    else abort.abort()
    await expect(waiting).rejects.toThrow()
    await vi.waitFor(() => expect(ended.at(-1)?.outcome).toBe('cancelled'), 10_000)
    const stopped = ['nobody waits any more', expect.anything()]
    await vi.waitFor(() => expect(logger.info).toHaveBeenCalledWith(...stopped), 10_000)
    expect(methods('notifications/cancelled')).toBe(era === '2025 in a session' ? 1 : 0)
  },

  async 'Log lines for the client'({ connect }, era) {
    const client = await connect()
    const heard: unknown[] = []
    client.setNotificationHandler('notifications/message', ({ params: { level, data } }) => {
      heard.push([level, data])
    })
    const all = [
      ['debug', { step: 'connected' }],
      ['warning', { skipped: 2 }],
    ]
    const linesOf = async (logLevel?: string) => {
      heard.length = 0
      const _meta = logLevel && { 'io.modelcontextprotocol/logLevel': logLevel }
      await client.callTool({ name: 'sync', arguments: {}, ...(_meta && { _meta }) })
      return [...heard]
    }
    if (isModern(era)) {
      expect(await linesOf()).toEqual([])
      expect(await linesOf('warning')).toEqual(all.slice(1))
      expect(await linesOf('debug')).toEqual(all)
    } else {
      expect(await linesOf()).toEqual(all)
      await client.setLoggingLevel('warning')
      expect(await linesOf()).toEqual(era === '2025 in a session' ? all.slice(1) : all)
    }
  },

  async 'Trace context'({ connect, logger }) {
    const client = await connect()
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    const tracedAs = async (traceparent: string) => {
      await client.callTool({
        name: 'quote',
        arguments: { symbol: 'ACME' },
        _meta: { traceparent },
      })
      return logger.info.mock.lastCall
    }
    expect(await tracedAs(`00-${traceId}-b7ad6b7169203331-01`)).toMatchObject([
      'quoted',
      { symbol: 'ACME', traceId },
    ])
    expect(await tracedAs('hunter2\r\n')).toMatchObject(['quoted', { traceId: undefined }])
  },

  async 'Arguments mirrored in headers'({ connect, url, wire, ended }, era) {
    const client = await connect()
    await client.listTools()
    const call = { name: 'orders', arguments: { region: 'north' } }
    expect((await client.callTool(call)).content).toEqual(text('no open orders in north'))
    expect(wire.at(-1)?.headers['mcp-param-region']).toBe(isModern(era) ? 'north' : undefined)
    if (!isModern(era)) {
      const lying = await connect({}, { 'mcp-param-region': 'south' })
      expect((await lying.callTool(call)).content).toEqual(text('no open orders in north'))
      return
    }
    const before = ended.length
    for (const headers of [{ 'mcp-param-region': 'south' }, {}] as Record<string, string>[]) {
      const { body, headers: own } = modernCall(call.name, call.arguments, headers)
      const refused = await post(url, body, own)
      expect(refused.status).toBe(400)
      expect(refused.text).toContain('-32020')
    }
    expect(ended).toHaveLength(before)
  },

  async 'Asking the client'({ connect, methods }, era) {
    const call = { name: 'remove', arguments: { file: 'a.txt' } }
    const answering = async (answer: ElicitResult) => {
      const client = await connect({ capabilities: { elicitation: {} } })
      const asked = vi.fn(() => answer)
      client.setRequestHandler('elicitation/create', asked)
      const { content, isError } = await client.callTool(call)
      return { said: content, isError, asked: asked.mock.calls.length }
    }
    const accepted = await answering({ action: 'accept', content: { ok: true } })
    if (era === '2025 without a session') {
      expect(accepted).toMatchObject({ isError: true, asked: 0 })
    } else {
      expect(accepted).toEqual({ said: text('removed a.txt'), asked: 1 })
      expect(methods('tools/call')).toBe(isModern(era) ? 2 : 1)
      expect(await answering({ action: 'decline' })).toEqual({
        said: text('kept a.txt'),
        asked: 1,
      })
    }
    const mute = await connect()
    const told = await mute.callTool(call).catch((error) => error)
    expect(told).toMatchObject(isModern(era) ? { code: -32021 } : { isError: true })
  },

  async 'Pages of a long list'({ connect, methods }) {
    const client = await connect()
    const first = await client.request({ method: 'tools/list', params: {} })
    expect(first.tools).toHaveLength(50)
    const second = await client.listTools({ cursor: String(first.nextCursor) })
    const third = await client.listTools({ cursor: String(second.nextCursor) })
    expect(third.nextCursor).toBeUndefined()
    const names = [first, second, third].flatMap(({ tools }) => tools.map(({ name }) => name))
    expect(names).toEqual(Array.from({ length: 120 }, (_, index) => `sensor-${index}`))
    await expect(client.listTools({ cursor: 'x' })).rejects.toMatchObject({
      code: -32602,
    })
    const before = methods('tools/list')
    expect((await client.listTools()).tools).toHaveLength(120)
    expect(methods('tools/list') - before).toBe(3)
    const read = await client.callTool({ name: 'sensor-119', arguments: {} })
    expect(read.content).toEqual(text('20'))
  },

  async 'A resource that tells of its changes'({ connect }, era) {
    const uri = 'plant://alarm'
    const client = await connect()
    const heard = vi.fn()
    client.setNotificationHandler('notifications/resources/updated', ({ params }) =>
      heard(params.uri),
    )
    if (isModern(era)) await client.listen({ resourceSubscriptions: [uri] })
    else await client.subscribeResource({ uri })
    for (const to of ['red', 'green']) {
      await client.callTool({ name: 'set-alarm', arguments: { to } })
      const { contents } = await client.readResource({ uri })
      expect(contents).toEqual([{ uri, mimeType: 'text/plain', text: to }])
    }
    if (era === '2025 without a session') expect(heard).not.toHaveBeenCalled()
    else await vi.waitFor(() => expect(heard.mock.calls).toEqual([[uri], [uri]]), 10_000)
  },

  async 'A template of resources'({ connect, methods }) {
    const client = await connect()
    const { resourceTemplates } = await client.listResourceTemplates()
    expect(resourceTemplates).toMatchObject([{ uriTemplate: 'notes://{owner}/{number}' }])
    const { resources } = await client.listResources()
    expect(resources.map(({ uri }) => uri)).toEqual([1, 2, 3].map((n) => `notes://alice/${n}`))
    expect(methods('resources/list')).toBe(2)
    const ref = { type: 'ref/resource' as const, uri: 'notes://{owner}/{number}' }
    const suggested = async (value: string) =>
      (await client.complete({ ref, argument: { name: 'owner', value } })).completion.values
    expect(await suggested('al')).toEqual(['alice'])
    expect(await suggested('b')).toEqual([])
    const read = (uri: string) => client.readResource({ uri })
    expect((await read('notes://alice/2')).contents).toMatchObject([{ text: 'Sell apples' }])
    const hidden = await read('notes://bob/1').catch((error) => error)
    const missing = await read('notes://alice/4').catch((error) => error)
    expect(hidden).toMatchObject({ code: -32602, message: missing.message })
    expect(missing).toMatchObject({ code: -32602 })
    await expect(read('notes://alice/0')).rejects.toMatchObject({ code: -32602 })
  },

  async 'A prompt with suggestions'({ connect }) {
    const client = await connect()
    const [prompt] = (await client.listPrompts()).prompts
    expect(prompt?.arguments).toEqual([
      { name: 'article', description: 'what is offered', required: true },
      { name: 'tone', required: true },
      { name: 'pieces', required: false },
    ])
    const ref = { type: 'ref/prompt' as const, name: 'offer' }
    const suggested = async (name: string, value: string) =>
      (await client.complete({ ref, argument: { name, value } })).completion.values
    expect(await suggested('article', 'ap')).toEqual(['apple', 'apricot'])
    expect(await suggested('tone', 'w')).toEqual(['warm'])
    const filled = { article: 'pear', tone: 'dry', pieces: '12' }
    const { messages } = await client.getPrompt({ name: 'offer', arguments: filled })
    const content = { type: 'text', text: 'Write a dry offer for 12 of pear.' }
    expect(messages).toEqual([{ role: 'user', content }])
  },

  async 'What clients may keep'({ connect, methods }, era) {
    const client = await connect()
    const kept = (ttlMs: number) => (isModern(era) ? { ttlMs, cacheScope: 'public' } : {})
    const uri = 'shop://terms'
    const [list, read] = [await client.listTools(), await client.readResource({ uri })]
    expect(read.contents).toMatchObject([{ text: 'Pay first.' }])
    const { ttlMs, cacheScope } = list as Record<string, unknown>
    expect({ ...(ttlMs !== undefined && { ttlMs, cacheScope }) }).toEqual(kept(60_000))
    expect(JSON.stringify(read).includes('"ttlMs":3600000')).toBe(isModern(era))
    await client.listTools()
    await client.readResource({ uri })
    const asked = [methods('tools/list'), methods('resources/read')]
    expect(asked).toEqual(isModern(era) ? [1, 1] : [2, 2])
    const pong = await client.callTool({ name: 'ping', arguments: {} })
    expect(pong.content).toEqual(text('pong'))
  },

  async 'Work in a thread'({ connect }) {
    const client = await connect()
    const count = (below: number) =>
      client.callTool({ name: 'count-primes', arguments: { below } }, { timeout: 100_000 })
    const counted = { count: 168, countedFor: 'alice' }
    expect((await count(1000)).structuredContent).toEqual(counted)
    const refused = { isError: true, content: text('That takes too long; ask for less') }
    expect(await count(10_000_001)).toMatchObject(refused)
  },

  async Services({ connect }) {
    const client = await connect()
    const found = await client.callTool({ name: 'find', arguments: { id: '7' } })
    expect(found.content).toEqual(text('article 7'))
  },
}

it('has a check for each example, and an example for each check', () => {
  expect(Object.keys(checks)).toEqual([...examples.keys()])
})

describe.each(eras)('the client of %s', (era) => {
  it.each([...examples])('sees what is said of: %s', async (title, example) => {
    const served = await serveExample(example, era)
    const check = checks[title]
    if (!check) throw new Error(`the example "${title}" has no check`)
    await check(served, era)
    expect(served.untouched()).toEqual([])
  })
})
