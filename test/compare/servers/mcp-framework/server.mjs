import { MCPServer, MCPTool, OAuthAuthProvider } from 'mcp-framework'
import { z } from 'zod'
import { work } from './work.mjs'

const port = Number(process.env.PORT)
const resource = `http://127.0.0.1:${port}/mcp`

function http() {
  const { ISSUER: issuer, JWKS_URL: jwksUri } = process.env
  const provider = new OAuthAuthProvider({
    authorizationServers: [issuer],
    resource,
    validation: { type: 'jwt', jwksUri, audience: 'compare', issuer, algorithms: ['RS256'] },
  })
  const endpoints = { initialize: true, messages: true }
  const cors = { allowedOrigins: ['https://app.example'] }
  return { type: 'http-stream', options: { port, cors, auth: { provider, endpoints } } }
}

const stdio = process.argv[2] === 'stdio'
const server = new MCPServer({ transport: stdio ? { type: 'stdio' } : http() })
for (const [name, run] of Object.entries(work)) {
  server.addTool(
    class extends MCPTool {
      name = name
      description = `Does ${name}.`
      schema = z.object({ text: z.string().optional().describe('what to say') })
      execute({ text }) {
        return run(text)
      }
    },
  )
}
await server.start()
