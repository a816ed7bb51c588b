import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { afterEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import {
  acceptedContent,
  definePrompt,
  defineResource,
  defineTool,
  inputRequired,
  type ToolServerOptions,
} from '../src/index.js'
import { ask } from './asking.js'
import { info, modern, post, serve } from './support.js'

const ok = z.object({ ok: z.boolean() })
const elicit = inputRequired.elicit({ message: 'Sure?', requestedSchema: ok })
const remove = defineTool({
  name: 'remove',
  description: 'Removes a file once its owner has agreed',
  input: z.object({ file: z.string(), force: z.boolean().optional() }),
  run({ file }, { inputResponses, requestState, requireInput }) {
    const agreed = acceptedContent(inputResponses, 'sure', ok)?.ok
    const asked = (requestState as { file: string } | undefined)?.file
    if (agreed && asked === file) return `removed ${file}`
    return requireInput({ inputRequests: { sure: elicit }, state: { file } })
  },
})
const other = { ...remove, name: 'other', label: 'other' }
const prompts = [
  definePrompt({
    name: 'greet',
    run: (_input, { inputResponses, requireInput }) =>
      acceptedContent(inputResponses, 'sure', ok)
        ? 'Greet'
        : requireInput({ inputRequests: { sure: elicit } }),
  }),
]
const resources = [
  defineResource({
    name: 'report',
    uri: 'r://report',
    ttlMs: 60_000,
    cacheScope: 'public',
    run: (_input, { inputResponses, requireInput }) =>
      acceptedContent(inputResponses, 'sure', ok)
        ? 'Report'
        : requireInput({ inputRequests: { sure: elicit }, state: 1 }),
  }),
]

const capable = { elicitation: {}, sampling: {} }
const agreed = { sure: { action: 'accept', content: { ok: true } } }
const key = (letter: string) => letter.repeat(32)

function open(options: Partial<ToolServerOptions> = {}) {
  return serve([remove, other], { prompts, resources, ...options }, [], {
    authOf: ({ headers }) => ({
      token: '[redacted]',
      clientId: 'app',
      scopes: [],
      extra: { principal: headers['x-principal'] ?? 'alice', tenant: headers['x-tenant'] },
    }),
  })
}

async function round(
  url: URL,
  params: Record<string, unknown>,
  headers: Record<string, string> = {},
  method = 'tools/call',
) {
  const { body, headers: own } = modern(method, params)
  const { _meta } = body.params as { _meta: Record<string, unknown> }
  _meta['io.modelcontextprotocol/clientCapabilities'] = capable
  const name = String(params.name ?? params.uri)
  const { text } = await post(url, body, { ...own, 'mcp-name': name, ...headers })
  const [, json = '{}'] = /^(?:data: )?(\{.*\})$/m.exec(text) ?? []
  return { text, ...JSON.parse(json) }
}

const first = { name: 'remove', arguments: { file: 'a' } }
async function stateOf(url: URL, params: Record<string, unknown> = first, headers = {}) {
  return (await round(url, params, headers)).result.requestState as string
}

afterEach(() => {
  vi.useRealTimers()
})

it('asks a real client and goes on with its answer', async () => {
  const { url } = await open()
  const client = new Client(info, {
    capabilities: { elicitation: {} },
    versionNegotiation: { mode: 'auto' },
  })
  const asked = vi.fn(() => ({ action: 'accept' as const, content: { ok: true } }))
  client.setRequestHandler('elicitation/create', asked)
  await client.connect(new StreamableHTTPClientTransport(url))
  const result = await client.callTool(first)
  expect(result.content).toEqual([{ type: 'text', text: 'removed a' }])
  expect((await client.getPrompt({ name: 'greet' })).messages).toHaveLength(1)
  const { contents } = await client.readResource({ uri: 'r://report' })
  expect(contents).toMatchObject([{ text: 'Report' }])
  expect(asked).toHaveBeenCalledTimes(3)
  await client.close()
})

it('tells a client of the 2025 revisions without a session that it cannot be asked', async () => {
  const { url } = await open()
  const { result } = await ask(url, 'legacy', 'tools/call', first)
  expect(result.isError).toBe(true)
  expect(result.content[0].text).toMatch(/did not declare the required capability/)
})

it('does not let caches keep what came of more than the request', async () => {
  const { url } = await open()
  const { result } = await round(url, { uri: 'r://report' }, {}, 'resources/read')
  expect(result.ttlMs).toBeUndefined()
  const { requestState } = result
  const again = { uri: 'r://report', inputResponses: agreed, requestState }
  const done = await round(url, again, {}, 'resources/read')
  expect(done.result).toMatchObject({ ttlMs: 0, cacheScope: 'private' })
})

describe('a state', () => {
  const refused = { code: -32602, message: 'Invalid or expired requestState' }
  const retry = (requestState: unknown, more = {}) => ({
    ...first,
    inputResponses: agreed,
    requestState,
    ...more,
  })

  it('comes back as it was given', async () => {
    const { url } = await open()
    const { result } = await round(url, retry(await stateOf(url)))
    expect(result.content[0].text).toBe('removed a')
  })

  it('holds for the same arguments in any order', async () => {
    const { url } = await open()
    const state = await stateOf(url, { name: 'remove', arguments: { file: 'a', force: true } })
    const swapped = retry(state, { arguments: { force: true, file: 'a' } })
    expect((await round(url, swapped)).result.content[0].text).toBe('removed a')
  })

  it.each([
    ['of another principal', { headers: { 'x-principal': 'mallory' } }],
    ['of the same name in another tenant', { headers: { 'x-tenant': 'evil' } }],
    ['with other arguments', { more: { arguments: { file: 'b' } } }],
    ['with more arguments', { more: { arguments: { file: 'a', force: true } } }],
    ['of another tool', { more: { name: 'other' } }],
  ] as [string, { headers?: Record<string, string>; more?: object }][])(
    'is refused %s',
    async (_, { headers = {}, more = {} }) => {
      const { url, events } = await open()
      const answer = await round(url, retry(await stateOf(url), more), headers)
      expect(answer.error).toMatchObject(refused)
      expect(events.at(-1)?.outcome).toBe('invalid_input')
    },
  )

  it.each([
    ['changed at its end', (state: string) => `${state.slice(0, -2)}AA`],
    [
      'with another payload',
      (state: string) => {
        const [, body = '', mac = ''] = state.split('.')
        const open = Buffer.from(body, 'base64url').toString()
        return `v1.${Buffer.from(open.replace('"a"', '"b"')).toString('base64url')}.${mac}`
      },
    ],
    ['without a signature', (state: string) => state.slice(0, state.lastIndexOf('.') + 1)],
    ['that is any text', () => 'hello'],
    ['that is empty', () => ''],
    ['that is no text', () => 7],
    ['that is very long', () => `v1.${'A'.repeat(70_000)}.AAAA`],
  ] as [string, (state: string) => unknown][])('is refused %s', async (_, change) => {
    const { url } = await open()
    const answer = await round(url, retry(change(await stateOf(url))))
    expect(answer.error?.code).toBe(-32602)
    expect(answer.text).not.toContain('removed')
  })

  it('is refused when its time is over', async () => {
    const { url } = await open({ requestStateTtlMs: 2000 })
    const state = await stateOf(url)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 4000 })
    expect((await round(url, retry(state))).error).toMatchObject(refused)
  })

  it('is signed by the newest key, and accepted of all', async () => {
    const older = await open({ requestStateKeys: [key('a')] })
    const rotated = await open({ requestStateKeys: [key('b'), Buffer.from(key('a'))] })
    const newer = await open({ requestStateKeys: [key('b')] })
    const ofOlder = await stateOf(older.url)
    expect((await round(rotated.url, retry(ofOlder))).result.content[0].text).toBe('removed a')
    expect((await round(newer.url, retry(ofOlder))).error).toMatchObject(refused)
    const ofRotated = await stateOf(rotated.url)
    expect((await round(newer.url, retry(ofRotated))).result.content[0].text).toBe('removed a')
    expect((await round(older.url, retry(ofRotated))).error).toMatchObject(refused)
  })

  it('is nobody else’s where no key was given', async () => {
    const [one, two] = [await open(), await open()]
    expect((await round(two.url, retry(await stateOf(one.url)))).error).toMatchObject(refused)
  })
})

it.each([
  [{ requestStateKeys: [] }, 'requestStateKeys must be a list'],
  [{ requestStateKeys: ['hunter2'] }, 'requestStateKeys[0] must have 32 bytes'],
  [{ requestStateTtlMs: 0 }, 'requestStateTtlMs'],
] as const)('refuses %j without showing it', async (options, problem) => {
  const opened = open(options as never)
  await expect(opened).rejects.toMatchObject({ code: 'ERR_TOOLS_OPTION' })
  await expect(opened).rejects.toThrow(problem)
  await expect(opened).rejects.not.toThrow('hunter2')
})
