import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { defineTool, type RunContext } from '../src/index.js'
import { modern } from './listen-call.js'
import { clients, connect, connectV1, info, post, serve } from './support.js'

const annotations = { readOnlyHint: true, idempotentHint: true, title: 'Measures' }
const icons = [{ src: 'https://example.com/a.png', sizes: ['48x48'] }]
const seen: RunContext[] = []
const measure = defineTool({
  name: 'measure',
  title: 'Measure',
  description: 'Measures a region',
  annotations,
  icons,
  input: z.object({ region: z.string().meta({ 'x-mcp-header': 'Region' }) }),
  output: z.object({ region: z.string(), degrees: z.number() }),
  async run({ region }, context) {
    seen.push(context)
    await context.progress(1, 2, 'half')
    for (const level of ['debug', 'warning'] as const) await context.clientLog(level, { region })
    return { region, degrees: 7, secret: 'hunter2' }
  },
})
const call = { name: 'measure', arguments: { region: 'é west' } }

describe.each(clients)('what the protocol has for tools, %s', (_, open) => {
  it('is shown in the list', async () => {
    const { url } = await serve([measure])
    const [tool] = (await (await open(url)).listTools()).tools
    expect(tool).toMatchObject({ name: 'measure', title: 'Measure', annotations, icons })
    expect(tool?.outputSchema).toMatchObject({ properties: { degrees: { type: 'number' } } })
    expect(tool?.inputSchema.properties?.region).toMatchObject({ 'x-mcp-header': 'Region' })
  })

  it('is given in a call: structured content, progress, trace context', async () => {
    seen.length = 0
    const { url } = await serve([measure])
    const client = await open(url)
    await client.listTools()
    const steps: unknown[] = []
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const result = await client.callTool(
      { ...call, _meta: { traceparent } },
      ...([
        ...(client instanceof Client ? [] : [undefined]),
        { onprogress: (step: unknown) => steps.push(step) },
      ] as never[]),
    )
    expect(result.structuredContent).toEqual({ region: 'é west', degrees: 7 })
    expect(JSON.stringify(result)).not.toContain('hunter2')
    expect(steps).toEqual([{ progress: 1, total: 2, message: 'half' }])
    expect(seen[0]?.meta?.traceparent).toBe(traceparent)
  })
})

it('compares a mirrored argument with its header', async () => {
  const { url } = await serve([measure])
  const { body, headers } = modern('tools/call', { name: 'measure', arguments: { region: 'west' } })
  const sent = (region?: string) =>
    post(url, body, {
      ...headers,
      'mcp-name': 'measure',
      ...(region && { 'mcp-param-region': region }),
    })
  expect((await sent('west')).text).toContain('"degrees":7')
  expect((await sent('east')).text).toContain('-32020')
  expect((await sent()).text).toContain('-32020')
})

describe('lines for the client', () => {
  it('are sent in 2026-07-28 only to a request that asked, from its level on', async () => {
    const { url } = await serve([measure])
    const lines = async (level?: string) => {
      const { body, headers } = modern('tools/call', call)
      const { _meta } = body.params as unknown as { _meta: Record<string, unknown> }
      if (level) _meta['io.modelcontextprotocol/logLevel'] = level
      const named = { 'mcp-name': 'measure', 'mcp-param-region': '=?base64?w6kgd2VzdA==?=' }
      const { text } = await post(url, body, { ...headers, ...named })
      expect(text).toContain('"degrees":7')
      return [...text.matchAll(/"level":"(\w+)"/g)].map(([, found]) => found)
    }
    expect(await lines()).toEqual([])
    expect(await lines('warning')).toEqual(['warning'])
    expect(await lines('debug')).toEqual(['debug', 'warning'])
    expect(await lines('emergency')).toEqual([])
  })

  it('are sent to clients of the 2025 revisions', async () => {
    const { url } = await serve([measure])
    const heard = vi.fn()
    const client = await connect(url, 'legacy')
    client.setNotificationHandler('notifications/message', ({ params }) => heard(params.level))
    await client.setLoggingLevel('info')
    await client.callTool(call)
    await vi.waitFor(() => expect(heard).toHaveBeenCalledWith('warning'))
    const v1 = await connectV1(url)
    expect(v1.getServerCapabilities()).toMatchObject({ logging: {}, tools: { listChanged: true } })
  })
})

it('says what the client can do, where a request says it', async () => {
  seen.length = 0
  const { url } = await serve([measure])
  const versionNegotiation = { mode: 'auto' as const }
  const client = new Client(info, { capabilities: { elicitation: {} }, versionNegotiation })
  await client.connect(new StreamableHTTPClientTransport(url))
  await client.listTools()
  await client.callTool(call)
  await client.close()
  await (await connect(url, 'legacy')).callTool(call)
  expect(seen.map(({ clientCapabilities }) => clientCapabilities)).toEqual([
    { elicitation: {} },
    undefined,
  ])
})
