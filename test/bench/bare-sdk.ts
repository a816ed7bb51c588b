import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import express from 'express'
import { count, description, input, nameOf, output, run } from './tools.js'

// The same tools as the SDK's own documentation would serve them under Express: nothing else around.
const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'bench', version: '1.0.0' })
  for (let index = 0; index < count; index++) {
    const config = { description, inputSchema: input, outputSchema: output }
    server.registerTool(nameOf(index), config, async (args) => {
      const structuredContent = run(args)
      return {
        content: [{ type: 'text', text: JSON.stringify(structuredContent) }],
        structuredContent,
      }
    })
  }
  return server
})
const serve = toNodeHandler(handler)
const app = express()
app.use(express.json({ limit: '4mb' }))
app.all('/mcp', (req, res) => serve(req, res, req.body))
app.listen(Number(process.env.PORT), '127.0.0.1')
