import {
  createMcpExpressApp,
  getOAuthProtectedResourceMetadataUrl,
  mcpAuthMetadataRouter,
  requireBearerAuth,
} from '@modelcontextprotocol/express'
import { toNodeHandler } from '@modelcontextprotocol/node'
import {
  createMcpHandler,
  McpServer,
  OAuthError,
  OAuthErrorCode,
} from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import * as z from 'zod'
import { work } from './work.mjs'

function createServer() {
  const server = new McpServer({ name: 'compare', version: '1.0.0' })
  for (const [name, run] of Object.entries(work)) {
    const inputSchema = z.object({ text: z.string().optional() })
    server.registerTool(name, { inputSchema }, async ({ text }) => ({
      content: [{ type: 'text', text: await run(text) }],
    }))
  }
  return server
}

async function verifyAccessToken(token) {
  if (token !== process.env.TOKEN) throw new OAuthError(OAuthErrorCode.InvalidToken, 'unknown')
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
  const handler = createMcpHandler(createServer)
  const node = toNodeHandler(handler)
  const app = createMcpExpressApp()
  app.use(mcpAuthMetadataRouter({ oauthMetadata, resourceServerUrl }))
  app.all('/mcp', auth, (req, res) => void node(req, res, req.body))
  const http = app.listen(port, '127.0.0.1')
  // As Express's own documentation ends a server, then the handler, as the SDK's does.
  process.on('SIGTERM', () => http.close(() => handler.close().then(() => process.exit(0))))
}

if (process.argv[2] === 'stdio') serveStdio(createServer)
else listen()
