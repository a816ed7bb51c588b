import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js'
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js'
import { UrlElicitationRequiredError } from '@modelcontextprotocol/sdk/types.js'
import { expect, it, vi } from 'vitest'
import * as z from 'zod'
import { maskErrors } from '../src/index.js'
import { lines, serve } from './support/sdk-lines.js'

const SECRET = 'password=hunter2'
const fail = () => {
  throw new Error(SECRET)
}
const [first] = lines.map(([, line]) => line)

/** What only the first line of the SDK has. */
async function masked(build: (server: McpServer) => void) {
  if (!first) throw new Error('no line')
  const logger = { info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const served = await serve(first, () => {
    const capabilities = { tasks: { requests: { tools: { call: {} } } } }
    const options = { capabilities, taskStore: new InMemoryTaskStore() }
    const server = maskErrors(new McpServer({ name: 't', version: '1' }, options), { logger })
    build(server)
    return server as never
  })
  return { ...served, logger }
}

it('masks what the older methods register, however their arguments are given', async () => {
  const { client, sent, logger } = await masked((server) => {
    server.tool('a', fail)
    server.tool('b', 'Fails', fail)
    server.tool('c', 'Fails', { x: z.string() }, async () => fail())
    server.tool('d', { x: z.string() }, { readOnlyHint: true }, fail)
    server.prompt('a', fail)
    server.prompt('b', 'Fails', { x: z.string() }, async () => fail())
    server.resource('a', 'r://a', fail)
    server.resource('b', 'r://b', { description: 'Fails' }, async () => fail())
    server.resource('c', new ResourceTemplate('t://{id}', { list: fail }), fail)
  })
  const args = { x: 'x' }
  for (const name of 'abcd') {
    const { content } = await client.callTool({ name, arguments: args })
    expect(content).toEqual([{ type: 'text', text: expect.stringMatching(/^Internal error \(c/) }])
  }
  const asked = [
    ...['a', 'b'].map((name) => client.getPrompt({ name, arguments: args })),
    ...['r://a', 'r://b', 't://c'].map((uri) => client.readResource({ uri })),
    client.listResources(),
  ]
  for (const ask of asked) await expect(ask).rejects.toThrow('Internal error (correlation id')
  expect(logger.error).toHaveBeenCalledTimes(4 + asked.length)
  expect(sent()).not.toContain('hunter2')
})

it('masks a tool that runs as a task, of which each method keeps its object', async () => {
  class Handler {
    readonly secret = SECRET
    async createTask(): Promise<never> {
      throw new Error(this.secret)
    }
    async getTask(): Promise<never> {
      throw new Error(this.secret)
    }
    async getTaskResult(): Promise<never> {
      throw new Error(this.secret)
    }
  }
  const { client, sent, logger } = await masked((server) => {
    const config = { execution: { taskSupport: 'optional' as const } }
    server.experimental.tasks.registerToolTask('work', config, new Handler())
  })
  const { content } = await client.callTool({ name: 'work' })
  expect(content).toEqual([{ type: 'text', text: expect.stringMatching(/^Internal error \(c/) }])
  expect(logger.error).toHaveBeenCalledExactlyOnceWith(
    'tool failed',
    expect.objectContaining({ tool: 'work', error: new Error(SECRET) }),
  )
  expect(sent()).not.toContain('hunter2')
})

it('lets the request for a visit to a URL pass', async () => {
  const elicitation = {
    mode: 'url' as const,
    message: 'Log in',
    elicitationId: '1',
    url: 'https://a.test',
  }
  const { client, logger } = await masked((server) => {
    server.registerTool('login', {}, () => {
      throw new UrlElicitationRequiredError([elicitation])
    })
  })
  await expect(client.callTool({ name: 'login' })).rejects.toMatchObject({
    code: -32042,
    data: { elicitations: [elicitation] },
  })
  expect(logger.error).not.toHaveBeenCalled()
})
