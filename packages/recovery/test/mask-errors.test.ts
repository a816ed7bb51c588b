import type { Client } from '@modelcontextprotocol/client'
import type { McpServer } from '@modelcontextprotocol/server'
import { describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { maskErrors } from '../src/index.js'
import { type Line, lines, serve } from './support/sdk-lines.js'

const SECRET = 'password=hunter2'
const info = { name: 'test', version: '1.0.0' }
const MASKED = /^Internal error \(correlation id ([0-9a-f-]{36})\)$/

type Build = (server: McpServer, line: Line) => void

/** A masked server with what `build` registers. `declare`: with capabilities that set the SDK's handlers at once. */
async function masked(line: Line, build: Build, declare = false) {
  const logger = { info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const capabilities = declare ? { tools: {}, prompts: {}, resources: {} } : {}
  const served = await serve(line, () => {
    const server = maskErrors(new line.McpServer(info, { capabilities }), { logger })
    build(server, line)
    return server
  })
  return { ...served, logger }
}

const fail = (error: unknown) => {
  throw error
}
const textOf = ({ content }: { content: unknown }) => (content as [{ text: string }])[0].text
const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => fail(new Error('did not fail')),
    (error: Error & { code: number; data: { correlationId: string } }) => error,
  )

const template = ({ ResourceTemplate }: Line) =>
  new ResourceTemplate('t://{id}', {
    list: () => fail(new Error(SECRET)),
    complete: { id: () => fail(new Error(SECRET)) },
  })

const everything: Build = (server, line) => {
  server.registerTool('plain', {}, () => fail(new Error(SECRET)))
  server.registerTool('slow', { inputSchema: { a: z.string() } }, async () => {
    await new Promise(setImmediate)
    throw new Error(SECRET)
  })
  server.registerPrompt('ask', { description: 'Asks' }, () => fail(new Error(SECRET)))
  const name = line.completable(z.string(), () => fail(new Error(SECRET)))
  server.registerPrompt('greet', { argsSchema: { name } }, async () => fail(new Error(SECRET)))
  server.registerResource('fixed', 'r://fixed', {}, () => fail(new Error(SECRET)))
  server.registerResource('any', template(line), {}, async () => fail(new Error(SECRET)))
}

const argument = { name: 'id', value: 'h' }
const asks: [string, string, object, (client: Client) => Promise<unknown>][] = [
  ['a prompt', 'prompt failed', { prompt: 'ask' }, (c) => c.getPrompt({ name: 'ask' })],
  [
    'a prompt with arguments',
    'prompt failed',
    { prompt: 'greet' },
    (c) => c.getPrompt({ name: 'greet', arguments: { name: 'a' } }),
  ],
  [
    'a resource',
    'resource failed',
    { resource: 'fixed' },
    (c) => c.readResource({ uri: 'r://fixed' }),
  ],
  [
    'a template',
    'resource failed',
    { resource: 'any' },
    (c) => c.readResource({ uri: 't://hunter' }),
  ],
  ["a template's list", 'resource failed', { resource: 'any' }, (c) => c.listResources()],
  [
    "a template's completion",
    'resource failed',
    { resource: 'any' },
    (c) => c.complete({ ref: { type: 'ref/resource', uri: 't://{id}' }, argument }),
  ],
  [
    "a prompt's completion",
    'request failed',
    { rpcMethod: 'completion/complete', prompt: 'greet' },
    (c) =>
      c.complete({
        ref: { type: 'ref/prompt', name: 'greet' },
        argument: { ...argument, name: 'name' },
      }),
  ],
]

describe.each(lines)('%s', (_, line) => {
  describe.each([
    ['handlers set at the first registration', false],
    ['handlers set by declared capabilities', true],
  ])('%s', (_, declare) => {
    it.each(['plain', 'slow'])('masks what a tool throws: %s', async (name) => {
      const { client, logger, sent } = await masked(line, everything, declare)
      const result = await client.callTool({ name, arguments: { a: 'a' } })
      expect(result.isError).toBe(true)
      const [, correlationId] = MASKED.exec(textOf(result)) ?? []
      expect(logger.error).toHaveBeenCalledExactlyOnceWith('tool failed', {
        tool: name,
        correlationId,
        error: expect.objectContaining({ message: SECRET }),
      })
      expect(sent()).toContain(correlationId)
      expect(sent()).not.toMatch(/hunter2|\.ts:\d/)
    })

    it.each(asks)('masks what %s throws', async (_, message, fields, ask) => {
      const { client, logger, sent } = await masked(line, everything, declare)
      const error = await rejection(ask(client))
      const { correlationId } = error.data
      expect(error.code).toBe(-32603)
      expect(error.message).toContain(`Internal error (correlation id ${correlationId})`)
      expect(logger.error).toHaveBeenCalledExactlyOnceWith(message, {
        ...fields,
        correlationId,
        error: expect.objectContaining({ message: SECRET }),
      })
      expect(sent()).not.toMatch(/hunter2|\.ts:\d/)
    })
  })

  it('sends it all without maskErrors, so that these tests see what they say', async () => {
    const { client, sent } = await serve(line, () => {
      const server = new line.McpServer(info)
      everything(server, line)
      return server
    })
    await client.callTool({ name: 'plain' })
    for (const [, , , ask] of asks) await rejection(ask(client))
    expect(sent().match(/hunter2/g)).toHaveLength(1 + asks.length)
  })

  it('masks a function and a template that were registered later by an update', async () => {
    const { client, sent, logger } = await masked(line, (server) => {
      const tool = server.registerTool('t', {}, () => ({ content: [] }))
      tool.update({ callback: () => fail(new Error(SECRET)) })
      const prompt = server.registerPrompt('p', {}, () => ({ messages: [] }))
      prompt.update({ callback: () => fail(new Error(SECRET)) })
      const fixed = server.registerResource('f', 'r://f', {}, () => ({ contents: [] }))
      fixed.update({ callback: () => fail(new Error(SECRET)) })
      const empty = new line.ResourceTemplate('u://{id}', { list: undefined })
      const any = server.registerResource('a', empty, {}, () => ({ contents: [] }))
      any.update({ template: template(line), callback: () => fail(new Error(SECRET)) })
      tool.disable()
      tool.enable()
    })
    expect(textOf(await client.callTool({ name: 't' }))).toMatch(MASKED)
    const asked = [
      client.getPrompt({ name: 'p' }),
      client.readResource({ uri: 'r://f' }),
      client.readResource({ uri: 't://a' }),
      client.listResources(),
    ]
    for (const ask of asked) expect((await rejection(ask)).message).toContain('Internal error (')
    expect(logger.error).toHaveBeenCalledTimes(5)
    expect(sent()).not.toContain('hunter2')
  })

  it('masks what schemas throw', async () => {
    const lookUp = () => fail(new Error(SECRET))
    const { client, sent, logger } = await masked(line, (server) => {
      const inputSchema = { a: z.string().transform(() => lookUp()) }
      server.registerTool('in', { inputSchema }, () => ({ content: [] }))
      const outputSchema = { a: z.string().transform(() => lookUp()) }
      server.registerTool('out', { outputSchema }, () => ({
        content: [],
        structuredContent: { a: 'a' },
      }))
      const argsSchema = { a: z.string().transform(() => lookUp()) }
      server.registerPrompt('p', { argsSchema }, () => ({ messages: [] }))
    })
    for (const name of ['in', 'out']) {
      expect(textOf(await client.callTool({ name, arguments: { a: 'a' } }))).toMatch(MASKED)
      expect(logger.error).toHaveBeenLastCalledWith(
        'tool failed',
        expect.objectContaining({ tool: name }),
      )
    }
    const error = await rejection(client.getPrompt({ name: 'p', arguments: { a: 'a' } }))
    expect(error.message).toContain('Internal error (')
    expect(sent()).not.toContain('hunter2')
  })

  it('masks handlers of the author, on the server inside and on a low-level one', async () => {
    const logger = { info: vi.fn(), warn: vi.fn(), error: vi.fn() }
    const inside = await masked(line, ({ server }) => {
      server.registerCapabilities({ completions: {} })
      server.setRequestHandler(line.methods.complete, () => fail(new Error(SECRET)))
    })
    const low = await serve(line, () => {
      const capabilities = { tools: {}, completions: {} }
      const server = maskErrors(new line.Server(info, { capabilities }), { logger })
      server.setRequestHandler(line.methods.call, async () => fail(new Error(SECRET)))
      return server
    })
    const ref = { type: 'ref/prompt', name: 'x' } as const
    const [one, two] = [
      await rejection(inside.client.complete({ ref, argument })),
      await rejection(low.client.callTool({ name: 'x' })),
    ]
    expect([one.code, two.code]).toEqual([-32603, -32603])
    expect(inside.logger.error).toHaveBeenCalledExactlyOnceWith('request failed', {
      rpcMethod: 'completion/complete',
      correlationId: one.data.correlationId,
      error: expect.any(Error),
    })
    expect(logger.error).toHaveBeenCalledExactlyOnceWith('request failed', {
      rpcMethod: 'tools/call',
      correlationId: two.data.correlationId,
      error: expect.any(Error),
    })
    expect(inside.sent() + low.sent()).not.toContain('hunter2')
  })

  it('lets pass what is meant for the caller, and logs none of it', async () => {
    const { client, logger } = await masked(line, (server) => {
      server.registerTool('returned', {}, () => ({
        content: [{ type: 'text', text: 'out of stock' }],
        isError: true,
      }))
      const mine = (text: string) => new line.ProtocolError(-32602, text, { field: 'a' })
      server.registerTool('thrown', {}, () => fail(mine('no such order')))
      class OrderError extends line.ProtocolError {
        override name = 'OrderError'
      }
      server.registerPrompt('sub', {}, () => fail(new OrderError(4711, 'no such order')))
      server.registerResource('fixed', 'r://fixed', {}, () => fail(mine('no such order')))
      const inputSchema = { count: z.number() }
      server.registerTool('typed', { inputSchema }, () => ({ content: [] }))
    })
    const call = async (name: string) => textOf(await client.callTool({ name, arguments: {} }))
    expect(await call('returned')).toBe('out of stock')
    expect(await call('thrown')).toContain('no such order')
    expect(await call('typed')).toMatch(/Invalid arguments for tool typed: .*number/s)
    const unknown = await rejection(client.readResource({ uri: 'r://unknown' }))
    expect(unknown.code).toBe(-32602)
    const error = await rejection(client.readResource({ uri: 'r://fixed' }))
    expect(error).toMatchObject({ code: -32602, data: { field: 'a' } })
    expect(error.message).toContain('no such order')
    expect(await rejection(client.getPrompt({ name: 'sub' }))).toMatchObject({ code: 4711 })
    expect(logger.error).not.toHaveBeenCalled()
  })

  it('changes nothing when it is called again', async () => {
    const logger = { info: vi.fn(), warn: vi.fn(), error: vi.fn() }
    const { client } = await serve(line, () => {
      const server = new line.McpServer(info)
      maskErrors(server, { logger })
      maskErrors(server.server, { logger })
      maskErrors(server, { logger })
      server.registerTool('plain', {}, () => fail(new Error(SECRET)))
      return server
    })
    expect(textOf(await client.callTool({ name: 'plain' }))).toMatch(MASKED)
    expect(logger.error).toHaveBeenCalledTimes(1)
  })

  it('says so when it comes too late, and changes nothing', () => {
    const logger = { info: vi.fn(), warn: vi.fn(), error: vi.fn() }
    const server = new line.McpServer(info)
    server.registerPrompt('p', {}, () => ({ messages: [] }))
    const { registerTool } = server
    const late = { code: 'ERR_RECOVERY_OPTION', message: expect.stringContaining('right after') }
    expect(() => maskErrors(server, { logger })).toThrow(expect.objectContaining(late))
    expect(() => maskErrors(server.server, { logger })).toThrow(expect.objectContaining(late))
    expect(server.registerTool).toBe(registerTool)
  })
})
