import { StreamableHTTPTransport } from '@hono/mcp'
import { serve } from '@hono/node-server'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { Hono } from 'hono'
import { z } from 'zod'

const server = new McpServer({ name: 'minimal', version: '1.0.0' })
server.registerTool('echo', { inputSchema: { text: z.string() } }, async ({ text }) => ({
  content: [{ type: 'text', text }],
}))
const transport = new StreamableHTTPTransport()

const app = new Hono()
app.all('/mcp', async (c) => {
  if (!server.isConnected()) await server.connect(transport)
  return transport.handleRequest(c)
})
serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: '127.0.0.1' })
