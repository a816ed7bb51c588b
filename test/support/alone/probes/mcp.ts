import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { expect } from 'vitest'
import { rpc } from '../ask.js'
import type { Probe } from './probe.js'

const url = new URL('http://127.0.0.1:8080/mcp')
const about = { name: 'probe', version: '1.0.0' }

export const toolsProbe: Probe = async ({ start }) => {
  await start()
  await rpc('ping')
  const client = new Client(about)
  await client.connect(new StreamableHTTPClientTransport(url))
  const lookup = (article: unknown) =>
    client.callTool({ name: 'lookup', arguments: { article } as Record<string, unknown> })
  expect(await lookup('apple')).toMatchObject({ structuredContent: { inStock: 3 } })
  const text = 'There is no article pear'
  expect(await lookup('pear')).toMatchObject({ isError: true, content: [{ text }] })
  expect(await lookup('x'.repeat(101))).toMatchObject({ isError: true })
  await client.close()
}

export const sdkV1Probe: Probe = async ({ start }) => {
  await start()
  await rpc('ping')
  const client = new ClientV1(about)
  await client.connect(new TransportV1(url) as never)
  const result = await client.callTool({ name: 'add', arguments: { a: 1, b: 2 } })
  expect(result.structuredContent).toEqual({ sum: 3 })
  await client.close()
  const modern = await rpc('tools/list', {}, { 'mcp-protocol-version': '2026-07-28' })
  expect([modern.status, modern.json().error.code]).toEqual([400, -32022])
}

export const sessionsProbe: Probe = async ({ start }) => {
  const program = await start()
  const alone = await rpc('tools/list')
  expect(alone.status).toBe(400)
  const client = new ClientV1(about, { capabilities: { elicitation: { form: {} } } })
  const { ElicitRequestSchema } = await import('@modelcontextprotocol/sdk/types.js')
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: {} }))
  const transport = new TransportV1(url)
  await client.connect(transport as never)
  const { content } = await client.callTool({ name: 'order', arguments: {} })
  expect(content).toMatchObject([{ text: 'ordered' }])
  await transport.terminateSession()
  await client.close()
  expect(await program.says('session closed')).toContain("reason: 'deleted'")
  program.signal('SIGTERM')
  expect(await program.exit).toBe(0)
}
