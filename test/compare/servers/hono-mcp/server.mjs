import { bearerAuth, StreamableHTTPTransport, simpleMcpAuthRouter } from '@hono/mcp'
import { serve } from '@hono/node-server'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { timeout } from 'hono/timeout'
import { z } from 'zod'
import { work } from './work.mjs'

const server = new McpServer({ name: 'compare', version: '1.0.0' })
for (const [name, run] of Object.entries(work)) {
  const inputSchema = { text: z.string().optional() }
  server.registerTool(name, { inputSchema }, async ({ text }) => ({
    content: [{ type: 'text', text: await run(text) }],
  }))
}

function listen() {
  const port = Number(process.env.PORT)
  // Its `allowedOrigins` refuses whatever has no Origin, and so every client that is not a browser.
  const transport = new StreamableHTTPTransport({
    enableDnsRebindingProtection: true,
    allowedHosts: [`127.0.0.1:${port}`],
  })
  const app = new Hono()
  // Its challenge names the document at the root, which it serves for a resource without a path.
  const resourceServerUrl = new URL(`http://127.0.0.1:${port}`)
  app.route('/', simpleMcpAuthRouter({ issuer: 'https://issuer.example', resourceServerUrl }))
  // Body limit and timeout are Hono's own.
  app.use('/mcp', bodyLimit({ maxSize: 4 * 1024 * 1024 }), timeout(30_000))
  app.use('/mcp', bearerAuth({ token: process.env.TOKEN }))
  app.all('/mcp', async (c) => {
    if (!server.isConnected()) await server.connect(transport)
    return transport.handleRequest(c)
  })
  const http = serve({ fetch: app.fetch, port, hostname: '127.0.0.1' })
  // As Hono's own documentation ends a server.
  process.on('SIGTERM', () => http.close(() => process.exit(0)))
}

if (process.argv[2] === 'stdio') await server.connect(new StdioServerTransport())
else listen()
