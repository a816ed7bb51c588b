import { Client } from '@modelcontextprotocol/client'
import { InMemoryTransport } from '@modelcontextprotocol/server'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { createToolServer, defineTool } from '../src/index.js'
import { clients, info, legacy, legacyCall, modern, modernCall, post, serve } from './support.js'

const tool = (name: string, scopes: string[], input = z.object({})) =>
  defineTool({ name, description: 'Needs scopes', input, scopes, run: () => `ran ${name}` })
const tools = [
  tool('open', []),
  tool('read', ['orders:read']),
  tool('both', ['orders:read', 'orders:write']),
]
const filtering = { listOnlyCallable: true }
const nobody = { authOf: () => undefined }
const lists = [modern('tools/list', {}), legacy('tools/list', {})] as const

describe.each(clients)('listOnlyCallable, %s', (_, connect) => {
  const namesOf = async (...args: Parameters<typeof serve>) => {
    const { url } = await serve(...args)
    return (await (await connect(url)).listTools()).tools.map(({ name }) => name)
  }

  it('shows the tools whose scopes the caller holds, all of them', async () => {
    expect(await namesOf(tools, filtering, [])).toEqual(['open'])
    expect(await namesOf(tools, filtering, ['orders:write'])).toEqual(['open'])
    expect(await namesOf(tools, filtering, ['orders:read'])).toEqual(['open', 'read'])
    const all = ['orders:write', 'other', 'orders:read']
    expect(await namesOf(tools, filtering, all)).toEqual(['open', 'read', 'both'])
  })

  it('shows nobody a tool that needs a scope', async () => {
    expect(await namesOf(tools, filtering, [], nobody)).toEqual(['open'])
  })

  it('shows all where scopes are not looked at, and when it is off', async () => {
    const ignoring = { ...filtering, dangerouslyIgnoreScopes: true }
    expect(await namesOf(tools, ignoring, [], nobody)).toEqual(['open', 'read', 'both'])
    expect(await namesOf(tools, {}, [], nobody)).toEqual(['open', 'read', 'both'])
  })

  it('shows them also beside a tool whose arguments are mirrored in headers', async () => {
    const mirrored = z.object({ region: z.string().meta({ 'x-mcp-header': 'Region' }) })
    const routed = [tool('routed', ['orders:read'], mirrored), ...tools]
    expect(await namesOf(routed, filtering, [])).toEqual(['open'])
    expect(await namesOf(routed, filtering, ['orders:read'])).toEqual(['routed', 'open', 'read'])
  })
})

it('judges each caller anew', async () => {
  const authOf = ({ headers }: { headers: NodeJS.Dict<string | string[]> }) => ({
    token: '[redacted]',
    clientId: 'app',
    scopes: headers['x-scope'] ? [String(headers['x-scope'])] : [],
  })
  const { url } = await serve(tools, filtering, [], { authOf })
  for (const { body, headers } of lists) {
    const shown = await Promise.all(
      ['orders:read', '', 'orders:read', ''].map((scope) =>
        post(url, body, { ...headers, ...(scope && { 'x-scope': scope }) }),
      ),
    )
    expect(shown.map(({ text }) => text.includes('"read"'))).toEqual([true, false, true, false])
  }
})

it('marks what depends on the caller as private, in the era that knows of caches', async () => {
  const [now, before] = lists
  for (const options of [filtering, {}]) {
    const { url } = await serve(tools, options)
    const { text } = await post(url, now.body, now.headers)
    expect(JSON.parse(text).result).toMatchObject({ ttlMs: 0, cacheScope: 'private' })
    expect((await post(url, before.body, before.headers)).text).not.toContain('cacheScope')
  }
})

it('denies a tool that is not shown as any other, with the scopes to ask for', async () => {
  const { url, events } = await serve(tools, filtering, ['orders:read'])
  for (const { body, headers } of [modernCall('both', {}), legacyCall('both', {})]) {
    const { text } = await post(url, body, headers)
    const { error } = JSON.parse(/\{.*\}/.exec(text)?.[0] ?? '')
    expect(error).toMatchObject({
      code: 403,
      data: { requiredScopes: ['orders:read', 'orders:write'] },
    })
  }
  expect(events.map(({ outcome }) => outcome)).toEqual(['denied', 'denied'])
})

it('shows over stdio what needs no scope, or all by option', async () => {
  for (const dangerouslyIgnoreScopes of [false, true]) {
    const options = { ...info, ...filtering, dangerouslyIgnoreScopes }
    const server = await createToolServer(tools, options)({ era: 'legacy' })
    const [near, far] = InMemoryTransport.createLinkedPair()
    await server.connect(far)
    const client = new Client(info)
    await client.connect(near)
    expect((await client.listTools()).tools).toHaveLength(dangerouslyIgnoreScopes ? 3 : 1)
    await client.close()
  }
})

it.each(['listOnlyCallable', 'dangerouslyIgnoreScopes'])('takes no text for %s', (option) => {
  expect(() => createToolServer(tools, { ...info, [option]: 'false' })).toThrow(
    expect.objectContaining({
      code: 'ERR_TOOLS_OPTION',
      message: expect.stringContaining(`${option} must be true or false, got "false"`),
    }),
  )
})

it.each([
  ['modern', modern('tools/list', { cursor: 5_417_023 })],
  ['legacy', legacy('tools/list', { cursor: 5_417_023 })],
  ['legacy', legacy('initialize', { protocolVersion: 5_417_023 })],
] as const)(
  'says that the params are wrong, %s era, and nothing of a validator',
  async (_, sent) => {
    const { url } = await serve(tools)
    const response = await post(url, sent.body, sent.headers)
    const text = JSON.stringify(response)
    expect(text).toContain('-32602')
    expect(text).toMatch(/Invalid params for (tools\/list|initialize)/)
  },
)
