import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createMcpHandler } from 'mcp-handler'
import { z } from 'zod'

const handler = createMcpHandler((server) => {
  const inputSchema = z.object({ text: z.string() })
  server.registerTool('echo', { inputSchema }, async ({ text }) => ({
    content: [{ type: 'text', text }],
  }))
})

const app = new Hono()
app.all('/mcp', (c) => handler(c.req.raw))
serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: '127.0.0.1' })
