import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { timeout } from 'hono/timeout'
import { createMcpHandler, protectedResourceHandler, withMcpAuth } from 'mcp-handler'
import { z } from 'zod'
import { work } from './work.mjs'

const handler = createMcpHandler((server) => {
  for (const [name, run] of Object.entries(work)) {
    const inputSchema = z.object({ text: z.string().optional() })
    server.registerTool(name, { inputSchema }, async ({ text }) => ({
      content: [{ type: 'text', text: await run(text) }],
    }))
  }
})

async function verifyToken(_request, token) {
  if (token !== process.env.TOKEN) return undefined
  return { token, clientId: 'compare', scopes: [], expiresAt: Date.now() / 1000 + 3600 }
}
const guarded = withMcpAuth(handler, verifyToken, { required: true })
const metadata = protectedResourceHandler({ authServerUrls: ['https://issuer.example'] })

const app = new Hono()
app.get('/.well-known/oauth-protected-resource', (c) => metadata(c.req.raw))
// Body limit and timeout are Hono's own.
app.use('/mcp', bodyLimit({ maxSize: 4 * 1024 * 1024 }), timeout(30_000))
app.all('/mcp', (c) => guarded(c.req.raw))
const http = serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: '127.0.0.1' })
// As Hono's own documentation ends a server.
process.on('SIGTERM', () => http.close(() => process.exit(0)))
