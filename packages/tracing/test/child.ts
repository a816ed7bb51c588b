import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { httpClient, requestDeadline } from '@mcp-prod/resilience'
import { jsonBody } from '@mcp-prod/rpc'
import {
  createToolServer,
  definePrompt,
  defineResourceTemplate,
  defineTool,
  toolHandler,
} from '@mcp-prod/tools'
import express from 'express'
import { z } from 'zod'
import { startTracing } from '../src/index.js'

/** An MCP server in a process of its own: `stock` looks into a database of sorts, `order` asks the server upstream for it. */
const logger = {
  debug() {},
  info() {},
  warn: (text: string) => process.stderr.write(`${text}\n`),
  error() {},
}
const tracing = startTracing({ serviceName: 'child', serviceVersion: '1.0.0', logger })
const upstream = httpClient('upstream', {
  baseUrl: process.env.UPSTREAM ?? 'http://127.0.0.1:1/',
  trace: tracing.traceClient,
})

const stock = defineTool({
  name: 'stock',
  description: 'How many there are',
  input: z.object({ article: z.string() }),
  run: ({ article }) =>
    tracing.span(
      'SELECT stock',
      { kind: 'client', attributes: { 'db.system.name': 'memory' } },
      async () => {
        if (article === 'missing') throw new Error('no such row, password=hunter2')
        return '3'
      },
    ),
})

const order = defineTool({
  name: 'order',
  description: 'Orders an article',
  input: z.object({ article: z.string() }),
  async run({ article }) {
    const answer = await upstream.request('mcp?key=hunter2', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 'from-a',
        method: 'tools/call',
        params: { name: 'stock', arguments: { article } },
      }),
    })
    return `ordered, upstream said ${answer.status}`
  },
})

const greet = definePrompt({
  name: 'greet',
  input: z.object({ who: z.string() }),
  complete: { who: () => ['Alice'] },
  run: ({ who }) => `Hello ${who}`,
})

const shelf = defineResourceTemplate({
  name: 'shelf',
  uriTemplate: 'stock://shelves/{shelf}',
  run: () => 'three',
})

const mcp = toolHandler(
  createToolServer([stock, order], {
    name: 'child',
    version: '1.0.0',
    prompts: [greet],
    resources: [shelf],
    trace: tracing.traceCall,
  }),
)
const app = express()
app.use(tracing.middleware)
app.all('/mcp', jsonBody(), requestDeadline(), mcp.middleware)
const server = app.listen(0, '127.0.0.1')
await once(server, 'listening')
process.stdout.write(String((server.address() as AddressInfo).port))

process.once('SIGTERM', async () => {
  server.close()
  server.closeIdleConnections()
  await mcp.close()
  await upstream.close()
  await tracing.close()
  server.closeAllConnections()
  // It must end by itself: whatever tracing leaves open would be seen.
})
