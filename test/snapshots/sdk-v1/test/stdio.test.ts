import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { expect, it } from 'vitest'
import { required } from './support/credentials.js'

const info = { name: 'test', version: '1.0.0' }
const server = {
  command: process.execPath,
  args: ['--import', 'tsx', 'src/stdio.ts'],
  env: required,
  stderr: 'ignore' as const,
}

async function viaToday() {
  const client = new Client(info, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new StdioClientTransport(server))
  return client
}

async function viaFirstSdk() {
  const client = new LegacyClient(info)
  await client.connect(new LegacyTransport(server))
  return client
}

it.each([
  ['the SDK client, 2026-07-28', viaToday],
  ['the first SDK', viaFirstSdk],
])('serves the same tools over stdio to %s', async (_, open) => {
  const client = await open()
  const summary = await client.callTool({
    name: 'summarize_numbers',
    arguments: { numbers: [1, 3] },
  })
  expect(summary.structuredContent).toMatchObject({ count: 2, mean: 2 })
  await client.close()
})
