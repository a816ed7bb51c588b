import { spawn } from 'node:child_process'
import { once } from 'node:events'
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

it.each([
  ['a message is larger than the SDK reads', 'x'.repeat(11 * 1024 * 1024)],
  ['its input ends', undefined],
])('ends in order when %s', { timeout: 30_000 }, async (_, sent) => {
  const { command, args, env } = server
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const exited = once(child, 'exit')
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' }
  child.stdin.on('error', () => {}).write(`${JSON.stringify(ping)}\n`)
  await once(child.stdout, 'data')
  if (sent === undefined) child.stdin.end()
  else child.stdin.write(sent)
  expect(await exited).toEqual([0, null])
})
