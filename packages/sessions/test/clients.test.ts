import { describe, expect, it, vi } from 'vitest'
import { memoryEventStore } from '../src/index.js'
import { connect, connectV1, seen, serve } from './support.js'

const capabilities = {
  capabilities: { sampling: {}, elicitation: { form: {} }, roots: {} },
}
const textOf = (result: unknown) => (result as { content: { text: string }[] }).content[0]?.text

describe.each([
  ['SDK v2', connect],
  ['SDK v1', connectV1],
] as const)('a client of %s', (name, open) => {
  /** Both SDKs have the same methods under other types. */
  const connected = async (url: URL) => {
    const { client, transport } = await open(url, undefined, capabilities as never)
    return { client: client as Awaited<ReturnType<typeof connect>>['client'], transport }
  }
  const answer = (
    client: Awaited<ReturnType<typeof connect>>['client'],
    method: string,
    give: () => object,
  ) =>
    name === 'SDK v2'
      ? client.setRequestHandler(method as 'roots/list', give as never)
      : v1Handler(client, method, give)

  it('lists and calls within one session', async () => {
    const { url, sessions } = await serve()
    const { client, transport } = await connected(url)
    expect((await client.listTools()).tools.map((tool) => tool.name)).toContain('whoami')
    expect(textOf(await client.callTool({ name: 'whoami', arguments: {} }))).toBe('alice ')
    expect(transport.sessionId).toMatch(/^[0-9a-f-]{36}$/)
    await vi.waitFor(() =>
      expect(sessions.state()).toMatchObject({ sessions: 1, created: 1, streams: 1, calls: 0 }),
    )
  })

  it('is asked to sample, to elicit, and for its roots on the stream of GET', async () => {
    const { url } = await serve()
    const { client } = await connected(url)
    await answer(client, 'sampling/createMessage', () => ({
      role: 'assistant',
      model: 'm',
      content: { type: 'text', text: 'because' },
    }))
    await answer(client, 'elicitation/create', () => ({
      action: 'accept',
      content: { name: 'Bo' },
    }))
    await answer(client, 'roots/list', () => ({ roots: [{ uri: 'file:///work' }] }))
    expect(textOf(await client.callTool({ name: 'sample', arguments: {} }))).toContain('because')
    expect(textOf(await client.callTool({ name: 'elicit', arguments: {} }))).toBe(
      'accept {"name":"Bo"}',
    )
    expect(textOf(await client.callTool({ name: 'ask_aside', arguments: {} }))).toBe('file:///work')
  })

  it('sees progress', async () => {
    const { url } = await serve()
    const { client } = await connected(url)
    const onprogress = vi.fn()
    const result =
      name === 'SDK v2'
        ? await client.callTool({ name: 'progress', arguments: {} }, { onprogress })
        : await (client.callTool as unknown as (...args: unknown[]) => Promise<unknown>)(
            { name: 'progress', arguments: {} },
            undefined,
            { onprogress },
          )
    expect(textOf(result)).toBe('done')
    expect(onprogress.mock.calls.map(([{ progress }]) => progress)).toEqual([1, 2, 3])
  })

  it('cancels a call, whose stream then ends and is not asked for again', async () => {
    const { url, sessions } = await serve({ eventStore: memoryEventStore(), retryMs: 10 })
    const { client } = await connected(url)
    const abort = new AbortController()
    const before = seen.cancelled
    const args = { name: 'wait', arguments: { ms: 20_000 } }
    const calling =
      name === 'SDK v2'
        ? client.callTool(args, { signal: abort.signal })
        : (client.callTool as unknown as (...args: unknown[]) => Promise<unknown>)(
            args,
            undefined,
            {
              signal: abort.signal,
            },
          )
    const outcome = calling.then(
      () => 'answered',
      () => 'cancelled',
    )
    await vi.waitFor(() => expect(sessions.state().calls).toBe(1))
    abort.abort()
    expect(await outcome).toBe('cancelled')
    await vi.waitFor(() => expect(sessions.state().calls).toBe(0))
    await vi.waitFor(() => expect(seen.cancelled).toBe(before + 1))
    expect(textOf(await client.callTool({ name: 'whoami', arguments: {} }))).toBe('alice ')
  })

  it('ends its session', async () => {
    const { url, sessions, closed } = await serve()
    const { client, transport } = await connected(url)
    await transport.terminateSession()
    expect(closed.map(({ reason }) => reason)).toEqual(['deleted'])
    expect(sessions.state()).toMatchObject({ sessions: 0, principals: 0, closedBy: { deleted: 1 } })
    await client.close()
  })

  it('gets its answer though the connection was cut meanwhile', async () => {
    const { url, server, sessions } = await serve({ eventStore: memoryEventStore(), retryMs: 10 })
    const { client } = await connected(url)
    const calling = client.callTool({ name: 'wait', arguments: { ms: 1500 } })
    await vi.waitFor(() => expect(sessions.state().calls).toBe(1))
    await vi.waitFor(() => expect(sessions.state().streams).toBe(1))
    server.closeAllConnections()
    await vi.waitFor(() => expect(sessions.state().detached).toBe(1))
    expect(textOf(await calling)).toBe('waited')
    await vi.waitFor(() =>
      expect(sessions.state()).toMatchObject({ detached: 0, calls: 0, streams: 1 }),
    )
  })
})

async function v1Handler(client: unknown, method: string, give: () => object) {
  const types = await import('@modelcontextprotocol/sdk/types.js')
  const schema = {
    'sampling/createMessage': types.CreateMessageRequestSchema,
    'elicitation/create': types.ElicitRequestSchema,
    'roots/list': types.ListRootsRequestSchema,
  }[method]
  ;(client as { setRequestHandler(schema: unknown, give: () => object): void }).setRequestHandler(
    schema,
    give,
  )
}
