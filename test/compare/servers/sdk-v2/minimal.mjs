import { createMcpExpressApp } from '@modelcontextprotocol/express'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import * as z from 'zod'

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'minimal', version: '1.0.0' })
  const inputSchema = z.object({ text: z.string() })
  server.registerTool('echo', { inputSchema }, async ({ text }) => ({
    content: [{ type: 'text', text }],
  }))
  return server
})

const app = createMcpExpressApp()
const node = toNodeHandler(handler)
app.all('/mcp', (req, res) => void node(req, res, req.body))
app.listen(Number(process.env.PORT), '127.0.0.1')
