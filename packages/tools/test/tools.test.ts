import { Client } from '@modelcontextprotocol/client'
import { InMemoryTransport } from '@modelcontextprotocol/server'
import { describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { createToolServer, defineTool, ToolError } from '../src/index.js'
import { clients, connect, info, legacyCall, modernCall, post, serve } from './support.js'

const add = defineTool({
  name: 'add',
  title: 'Add',
  description: 'Adds two numbers',
  input: z.object({ a: z.number(), b: z.number().default(1) }),
  output: z.object({ sum: z.number() }),
  run: ({ a, b }) => ({ sum: a + b }),
})
const echo = defineTool({
  name: 'echo',
  description: 'Says what it hears',
  input: z.object({ text: z.string() }),
  run: ({ text }) => text,
})
const failing = (error: unknown) =>
  defineTool({
    name: 'fail',
    description: 'Fails',
    input: z.object({}),
    run: () => {
      throw error
    },
  })

describe.each(clients)('%s', (_, open) => {
  it('lists the tools with their schemas, the same each time', async () => {
    const { url } = await serve([add, echo])
    const client = await open(url)
    const first = await client.listTools()
    expect(first.tools).toMatchObject([
      {
        name: 'add',
        title: 'Add',
        inputSchema: { type: 'object', required: ['a'] },
        outputSchema: { type: 'object' },
      },
      { name: 'echo', description: 'Says what it hears' },
    ])
    expect((await (await open(url)).listTools()).tools).toEqual(first.tools)
  })

  it('calls a tool: defaults applied, structured and as text', async () => {
    const { url, events } = await serve([add, echo])
    const client = await open(url)
    const sum = await client.callTool({ name: 'add', arguments: { a: 2 } })
    expect(sum).toMatchObject({
      structuredContent: { sum: 3 },
      content: [{ type: 'text', text: '{"sum":3}' }],
    })
    const said = await client.callTool({ name: 'echo', arguments: { text: 'hi' } })
    expect(said.content).toEqual([{ type: 'text', text: 'hi' }])
    const alice = { id: 'alice', clientId: 'key-1', scopes: [] }
    expect(events).toEqual([
      { tool: 'add', outcome: 'ok', durationMs: expect.any(Number), principal: alice },
      { tool: 'echo', outcome: 'ok', durationMs: expect.any(Number), principal: alice },
    ])
  })

  it('answers bad input with its path', async () => {
    const { url, events } = await serve([add])
    const result = await (await open(url)).callTool({ name: 'add', arguments: { a: 'two' } })
    expect(result.isError).toBe(true)
    expect(JSON.stringify(result.content)).toMatch(/Invalid arguments for tool add: a: /)
    expect(events[0]?.outcome).toBe('invalid_input')
  })

  it('shows a ToolError', async () => {
    const { url, events } = await serve([failing(new ToolError('no such order'))])
    const result = await (await open(url)).callTool({ name: 'fail' })
    expect(result).toMatchObject({
      isError: true,
      content: [{ type: 'text', text: 'no such order' }],
    })
    expect(events[0]?.outcome).toBe('tool_error')
  })

  it('masks any other error behind a correlation id', async () => {
    const secret = new Error('connect failed: password=hunter2')
    const { url, events, logger } = await serve([failing(secret)])
    const call = (await open(url)).callTool({ name: 'fail' })
    await expect(call).rejects.toThrow(/Internal error \(correlation id [0-9a-f-]{36}\)/)
    const correlationId = events[0]?.correlationId
    expect(events[0]).toMatchObject({ outcome: 'error' })
    expect(logger.error).toHaveBeenCalledWith('tool failed', {
      correlationId,
      error: secret,
      tool: 'fail',
    })
  })

  it('does not know a tool that is not there', async () => {
    const { url, events } = await serve([add])
    await expect((await open(url)).callTool({ name: 'sub' })).rejects.toThrow('Unknown tool: sub')
    // Who tries names must be seen.
    expect(events).toMatchObject([{ tool: 'sub', outcome: 'invalid_input' }])
  })

  it('tells of a long invented name no more than its beginning', async () => {
    const { url, events } = await serve([add])
    await (await open(url)).callTool({ name: 'x'.repeat(2_000) }).catch(() => {})
    expect(events[0]?.tool.length).toBeLessThan(1_000)
  })
})

describe('masking', () => {
  it.each([
    ['a string', 'password=hunter2'],
    ['an object', { message: 'password=hunter2', code: -32603 }],
    [
      'an error that looks like the protocol',
      Object.assign(new Error('password=hunter2'), { code: -32602, data: 'hunter2' }),
    ],
    ['undefined', undefined],
  ])('hides %s, to the last byte', async (_, thrown) => {
    const { url } = await serve([failing(thrown)])
    for (const { body, headers } of [modernCall('fail', {}), legacyCall('fail', {})]) {
      const { text } = await post(url, body, headers)
      expect(text).toContain('correlation id')
      expect(text).not.toContain('hunter2')
      expect(text).not.toMatch(/at .*\.(ts|js)/)
    }
  })

  it('keeps back what the output schema does not name', async () => {
    const leaky = defineTool({
      name: 'leaky',
      description: 'Returns a whole row',
      input: z.object({}),
      output: z.object({ id: z.number() }),
      run: () => ({ id: 1, passwordHash: 'hunter2' }),
    })
    const { url } = await serve([leaky])
    const { body, headers } = modernCall('leaky', {})
    const { text } = await post(url, body, headers)
    expect(text).toContain('"id":1')
    expect(text).not.toContain('hunter2')
  })

  it('masks an output that does not fit its schema', async () => {
    const wrong = defineTool({
      name: 'wrong',
      description: 'Returns the wrong thing',
      input: z.object({}),
      output: z.object({ id: z.literal('expected-secret') }),
      run: () => ({ id: 'other' as 'expected-secret' }),
    })
    const { url, events } = await serve([wrong])
    const { body, headers } = modernCall('wrong', {})
    const { text } = await post(url, body, headers)
    expect(text).toContain('correlation id')
    expect(text).not.toContain('expected-secret')
    expect(events[0]?.outcome).toBe('error')
  })
})

it('answers as it would have although onCall throws', async () => {
  const onCall = () => {
    throw new Error('password=hunter2')
  }
  const { url, logger } = await serve([add], { onCall })
  const { body, headers } = modernCall('add', { a: 1 })
  const { text } = await post(url, body, headers)
  expect(text).toContain('"sum":2')
  expect(logger.warn).toHaveBeenCalledWith(
    'onCall failed',
    expect.objectContaining({ tool: 'add' }),
  )
})

describe('a result that is none', () => {
  const circular: Record<string, unknown> = { content: [] }
  circular.self = circular
  it.each<[string, unknown]>([
    ['circular', circular],
    ['with a BigInt', { content: [], structuredContent: { n: 1n } }],
    ['with a content item of no kind', { content: [{ type: 'secret', password: 'hunter2' }] }],
    ['of another shape', { password: 'hunter2' }],
    ['undefined', undefined],
  ])(
    'is masked when it is %s, in both eras, and never leaves the caller waiting',
    async (_, value) => {
      const odd = defineTool({
        name: 'odd',
        description: 'Returns something odd',
        input: z.object({}),
        run: () => value as never,
      })
      const { url, events } = await serve([odd])
      for (const { body, headers } of [modernCall('odd', {}), legacyCall('odd', {})]) {
        const { text } = await post(url, body, headers)
        expect(text).toContain('correlation id')
        expect(text).not.toContain('hunter2')
      }
      expect(events.map((event) => event.outcome)).toEqual(['error', 'error'])
    },
  )
})

describe('ending a call', () => {
  const hang = (timeoutMs: number, seen: (signal: AbortSignal) => unknown) =>
    defineTool({
      name: 'hang',
      description: 'Never ends by itself',
      input: z.object({}),
      timeoutMs,
      run: async (_input, { signal }) => {
        await seen(signal)
        return new Promise<string>(() => {})
      },
    })

  it('gives up at the timeout on a tool that ignores its signal', async () => {
    let signal: AbortSignal | undefined
    const { url, events } = await serve([hang(30, (given) => (signal = given))])
    const result = await (await connect(url)).callTool({ name: 'hang' })
    expect(result).toMatchObject({
      isError: true,
      content: [{ text: 'Tool hang did not answer within 30 ms' }],
    })
    expect(signal?.aborted).toBe(true)
    expect(events[0]?.outcome).toBe('timeout')
  })

  it('swallows what such a tool throws later', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const late = () => new Promise((_, reject) => setTimeout(reject, 60, new Error('late')))
    const { url, logger } = await serve([hang(10, late)])
    await (await connect(url)).callTool({ name: 'hang' })
    await vi.waitFor(() =>
      expect(logger.debug).toHaveBeenCalledWith(
        'tool failed after it was given up',
        expect.anything(),
      ),
    )
    expect(unhandled).not.toHaveBeenCalled()
    process.off('unhandledRejection', unhandled)
  })

  it('aborts when the client goes away', async () => {
    let signal: AbortSignal | undefined
    const { url, events } = await serve([hang(10_000, (given) => (signal = given))])
    const { body, headers } = modernCall('hang', {})
    const controller = new AbortController()
    const request = fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
      },
      body: JSON.stringify(body),
      signal: controller.signal,
    })
    await vi.waitFor(() => expect(signal).toBeDefined())
    controller.abort()
    await expect(request).rejects.toThrow()
    await vi.waitFor(() => expect(events[0]?.outcome).toBe('cancelled'))
    expect(signal?.aborted).toBe(true)
  })

  it('answers every running call when the shutdown is over, and later ones at once', async () => {
    const stop = new AbortController()
    const running = vi.fn()
    const { url, events } = await serve([hang(10_000, running)], { signal: stop.signal })
    const client = await connect(url)
    const calls = [client.callTool({ name: 'hang' }), client.callTool({ name: 'hang' })]
    await vi.waitFor(() => expect(running).toHaveBeenCalledTimes(2))
    stop.abort()
    calls.push(client.callTool({ name: 'hang' }))
    for (const result of await Promise.all(calls))
      expect(JSON.stringify(result)).toContain('shutting down')
    expect(events.map((event) => event.outcome)).toEqual(['cancelled', 'cancelled', 'cancelled'])
    expect(running).toHaveBeenCalledTimes(2)
  })

  it('leaves the signal of a finished call alone', async () => {
    let signal: AbortSignal | undefined
    const quick = defineTool({
      name: 'quick',
      description: 'Ends at once',
      input: z.object({}),
      run: (_input, context) => {
        signal = context.signal
        return 'done'
      },
    })
    const { url } = await serve([quick])
    await (await connect(url)).callTool({ name: 'quick' })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(signal?.aborted).toBe(false)
  })
})

describe('scopes', () => {
  const guarded = defineTool({
    name: 'guarded',
    description: 'Needs two scopes',
    input: z.object({}),
    scopes: ['a', 'b'],
    run: () => 'in',
  })

  it('denies a caller who lacks one, without running the tool', async () => {
    const { url, events } = await serve([guarded], {}, ['a'])
    await expect((await connect(url)).callTool({ name: 'guarded' })).rejects.toThrow(
      'a scope is missing',
    )
    expect(events[0]?.outcome).toBe('denied')
  })

  it('lets in a caller who holds all, and one over stdio by option', async () => {
    const { url } = await serve([guarded], {}, ['b', 'a', 'c'])
    expect((await (await connect(url)).callTool({ name: 'guarded' })).isError).toBeFalsy()
    const open = await serve([guarded], { dangerouslyIgnoreScopes: true })
    expect((await (await connect(open.url)).callTool({ name: 'guarded' })).isError).toBeFalsy()
  })

  it('judges each entry of a legacy batch by its body, whatever the headers say', async () => {
    const { url, events } = await serve([guarded, echo])
    const entry = (id: number, name: string) => ({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: { name, arguments: { text: 'hi' } },
    })
    const { text } = await post(url, [entry(1, 'echo'), entry(2, 'guarded')], {
      'mcp-name': 'echo',
    })
    expect(text).toContain('hi')
    expect(text).toContain('a scope is missing')
    expect(events.map(({ tool, outcome }) => [tool, outcome])).toEqual(
      expect.arrayContaining([
        ['guarded', 'denied'],
        ['echo', 'ok'],
      ]),
    )
  })
})

describe('protocol', () => {
  it('reports progress to a client that asks for it', async () => {
    const steps = defineTool({
      name: 'steps',
      description: 'Works in steps',
      input: z.object({}),
      run: async (_input, { progress }) => {
        await progress(1, 2, 'half')
        await progress(2, 2)
        return 'done'
      },
    })
    const { url } = await serve([steps])
    for (const mode of ['auto', 'legacy'] as const) {
      const seen: unknown[] = []
      const client = await connect(url, mode)
      await client.callTool({ name: 'steps' }, { onprogress: (progress) => seen.push(progress) })
      expect(seen).toMatchObject([{ progress: 1, total: 2, message: 'half' }, { progress: 2 }])
    }
  })

  it('refuses a mirrored header that disagrees with its argument (SEP-2243), before the tool runs', async () => {
    const run = vi.fn(() => 'ran')
    const routed = defineTool({
      name: 'routed',
      description: 'Is routed by region',
      input: z.object({ region: z.string().meta({ 'x-mcp-header': 'Region' }) }),
      run,
    })
    const { url } = await serve([routed, add])
    const lying = modernCall('routed', { region: 'eu' }, { 'mcp-param-region': 'us' })
    const refused = await post(url, lying.body, lying.headers)
    expect(refused.status).toBe(400)
    expect(refused.text).toContain('-32020')
    expect(run).not.toHaveBeenCalled()
    const true_ = modernCall('routed', { region: 'eu' }, { 'mcp-param-region': 'eu' })
    expect((await post(url, true_.body, true_.headers)).text).toContain('ran')
    const other = modernCall('add', { a: 1 })
    expect((await post(url, other.body, other.headers)).text).toContain('"sum":2')
  })

  it('keeps a subscription open, tells it of changes, and ends it when closed', async () => {
    const { url, mcp } = await serve([add])
    const { body, headers } = modernCall('add', {})
    const { _meta } = body.params
    const params = { _meta, notifications: { toolsListChanged: true } }
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
        'mcp-method': 'subscriptions/listen',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params }),
    })
    let text = ''
    const reading = (async () => {
      const decoder = new TextDecoder()
      for await (const chunk of response.body ?? []) text += decoder.decode(chunk)
    })()
    await vi.waitFor(() => expect(text).toContain('acknowledged'))
    mcp.notify.toolsChanged()
    await vi.waitFor(() => expect(text).toContain('notifications/tools/list_changed'))
    await mcp.close()
    await reading
    expect(text).toContain('"resultType":"complete"')
  })

  it('refuses with 503 after it was closed', async () => {
    const { url, mcp } = await serve([add])
    await mcp.close()
    const { body, headers } = modernCall('add', { a: 1 })
    const refused = await post(url, body, headers)
    expect(refused.status).toBe(503)
    expect(JSON.parse(refused.text)).toMatchObject({ id: 1, error: { code: 503 } })
  })

  it('serves a connection that lasts, as stdio does', async () => {
    const server = createToolServer([add], info)({ era: 'legacy' })
    const [near, far] = InMemoryTransport.createLinkedPair()
    await (await server).connect(far)
    const client = new Client(info)
    await client.connect(near)
    for (let a = 0; a < 3; a++) {
      expect((await client.callTool({ name: 'add', arguments: { a } })).structuredContent).toEqual({
        sum: a + 1,
      })
    }
    await client.close()
  })

  it('bounds what a caller can make it say', async () => {
    const many = defineTool({
      name: 'many',
      description: 'Takes a list',
      input: z.strictObject({ list: z.array(z.number()) }),
      run: () => 'ok',
    })
    const { url } = await serve([many])
    const list = Array.from({ length: 10_000 }, () => 'x')
    const wrong = modernCall('many', { list })
    expect((await post(url, wrong.body, wrong.headers)).text.length).toBeLessThan(5_000)
    const key = modernCall('many', { list: [], ['k'.repeat(50_000)]: 1 })
    expect((await post(url, key.body, key.headers)).text.length).toBeLessThan(5_000)
    const name = modernCall('n'.repeat(5_000), {})
    expect((await post(url, name.body, name.headers)).text.length).toBeLessThan(5_000)
  })
})

describe('defineTool', () => {
  it('converts each schema once, however many requests come', async () => {
    const input = z.object({ a: z.number() })
    const convert = vi.spyOn(input['~standard'].jsonSchema, 'input')
    const { url } = await serve([
      defineTool({ name: 't', description: 'd', input, run: () => 'x' }),
    ])
    const client = await connect(url)
    for (let a = 0; a < 3; a++) await client.callTool({ name: 't', arguments: { a } })
    await client.listTools()
    expect(convert).toHaveBeenCalledTimes(1)
  })

  const base = { name: 't', description: 'd', input: z.object({}), run: () => 'x' }
  it.each([
    ['a name with spaces', () => defineTool({ ...base, name: 'a b' }), 'a b'],
    ['no description', () => defineTool({ ...base, description: '' }), 'description'],
    ['a timeout of 0', () => defineTool({ ...base, timeoutMs: 0 }), 'timeoutMs'],
    [
      'a timeout too long for a timer',
      () => defineTool({ ...base, timeoutMs: 2 ** 31 }),
      'timeoutMs',
    ],
    ['a negative weight', () => defineTool({ ...base, weight: -1 }), 'weight'],
    ['half a call a minute', () => defineTool({ ...base, limitPerMinute: 0.5 }), 'limitPerMinute'],
    ['no call at once', () => defineTool({ ...base, maxConcurrent: 0 }), 'maxConcurrent'],
    ['an input that is no object', () => defineTool({ ...base, input: z.string() }), 'object'],
    [
      'a schema without JSON form',
      () => defineTool({ ...base, input: z.object({ d: z.date() }) }),
      'JSON Schema',
    ],
    ['two tools of one name', () => createToolServer([add, add], info), '"add"'],
  ])('refuses %s when it is created', (_, create, names) => {
    expect(create).toThrow(
      expect.objectContaining({
        code: 'ERR_TOOLS_OPTION',
        message: expect.stringContaining(names),
      }),
    )
  })
})
