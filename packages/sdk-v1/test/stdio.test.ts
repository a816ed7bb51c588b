import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/stdio.js'
import { expect, it, vi } from 'vitest'
import * as z from 'zod'
import { createToolServer, defineTool, serveStdio } from '../src/index.js'
import { atEnd, info } from './support/app.js'

const file = fileURLToPath(new URL('./support/stdio-server.ts', import.meta.url))
const started = { command: process.execPath, args: ['--import', 'tsx', file] }

it.each([
  [
    'SDK v1',
    async () => {
      const client = new ClientV1(info)
      await client.connect(new TransportV1(started))
      return client
    },
  ],
  [
    'SDK v2 of both eras',
    async () => {
      const client = new Client(info, { versionNegotiation: { mode: 'auto' } })
      await client.connect(new StdioClientTransport(started))
      return client
    },
  ],
] as const)('serves a client that started it: %s', async (_, open) => {
  const client = await open()
  atEnd(() => client.close())
  const result = await client.callTool({ name: 'echo', arguments: { text: 'hello' } })
  expect(result.content).toEqual([{ type: 'text', text: 'hello, over stdio' }])
})

it.each(['end', 'close'] as const)('tells what runs when it is over (%s)', async (how) => {
  const seen: AbortSignal[] = []
  const slow = defineTool({
    name: 'slow',
    description: 'Waits',
    input: z.object({}),
    run(_input, { signal }) {
      seen.push(signal)
      return once(signal, 'abort').then(() => 'stopped')
    },
  })
  const [stdin, stdout] = [new PassThrough(), new PassThrough()]
  const connection = serveStdio(createToolServer([slow], info), { stdin, stdout })
  const params = { name: 'slow', arguments: {} }
  stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })}\n`)
  await vi.waitFor(() => expect(seen).toHaveLength(1))
  if (how === 'end') stdin.end()
  else await connection.close()
  await vi.waitFor(() => expect(seen[0]?.aborted).toBe(true))
})

it('says why there is no server', async () => {
  const onerror = vi.fn()
  const fails = () => Promise.reject(new Error('no'))
  const connection = serveStdio(fails, { onerror, stdin: new PassThrough() })
  await vi.waitFor(() => expect(onerror.mock.calls).toMatchObject([[{ message: 'no' }]]))
  await connection.close()
})
