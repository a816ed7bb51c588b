import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js'
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import {
  getOAuthProtectedResourceMetadataUrl,
  mcpAuthMetadataRouter,
} from '@modelcontextprotocol/sdk/server/auth/router.js'
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { z } from 'zod'
import { work } from './work.mjs'

function createServer() {
  const server = new McpServer({ name: 'compare', version: '1.0.0' })
  for (const [name, run] of Object.entries(work)) {
    const inputSchema = { text: z.string().optional() }
    server.registerTool(name, { inputSchema }, async ({ text }) => ({
      content: [{ type: 'text', text: await run(text) }],
    }))
  }
  return server
}

async function verifyAccessToken(token) {
  if (token !== process.env.TOKEN) throw new InvalidTokenError('not a token of this server')
  return { token, clientId: 'compare', scopes: [], expiresAt: Date.now() / 1000 + 3600 }
}

function listen() {
  const port = Number(process.env.PORT)
  const resourceServerUrl = new URL(`http://127.0.0.1:${port}/mcp`)
  const issuer = 'https://issuer.example/'
  const oauthMetadata = {
    issuer,
    authorization_endpoint: `${issuer}authorize`,
    token_endpoint: `${issuer}token`,
    response_types_supported: ['code'],
  }
  const auth = requireBearerAuth({
    verifier: { verifyAccessToken },
    resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(resourceServerUrl),
  })
  const app = createMcpExpressApp()
  app.use(mcpAuthMetadataRouter({ oauthMetadata, resourceServerUrl }))
  app.post('/mcp', auth, async (req, res) => {
    const server = createServer()
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined })
    res.on('close', () => server.close())
    await server.connect(transport)
    await transport.handleRequest(req, res, req.body)
  })
  const http = app.listen(port, '127.0.0.1')
  // As Express's own documentation ends a server.
  process.on('SIGTERM', () => http.close(() => process.exit(0)))
}

if (process.argv[2] === 'stdio') await createServer().connect(new StdioServerTransport())
else listen()
