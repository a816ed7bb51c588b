import { FastMCP } from 'fastmcp'
import { z } from 'zod'
import { work } from './work.mjs'

const port = Number(process.env.PORT)
const issuer = 'https://issuer.example'
const stdio = process.argv[2] === 'stdio'

const oauth = {
  enabled: true,
  authorizationServer: {
    issuer,
    authorizationEndpoint: `${issuer}/authorize`,
    tokenEndpoint: `${issuer}/token`,
    responseTypesSupported: ['code'],
  },
  protectedResource: { resource: `http://127.0.0.1:${port}`, authorizationServers: [issuer] },
}

async function authenticate(request) {
  if (request.headers.authorization !== `Bearer ${process.env.TOKEN}`) {
    throw new Error('this token is not valid')
  }
  return { userId: 'compare' }
}

const server = new FastMCP({
  name: 'compare',
  version: '1.0.0',
  ...(stdio ? {} : { oauth, authenticate }),
})
for (const [name, run] of Object.entries(work)) {
  server.addTool({
    name,
    parameters: z.object({ text: z.string().optional() }),
    timeoutMs: 30_000,
    execute: async ({ text }) => run(text),
  })
}
server.start(
  stdio
    ? { transportType: 'stdio' }
    : {
        transportType: 'httpStream',
        httpStream: { port, host: '127.0.0.1', cors: { origin: 'https://app.example' } },
      },
)
process.on('SIGTERM', () => server.stop().then(() => process.exit(0)))
