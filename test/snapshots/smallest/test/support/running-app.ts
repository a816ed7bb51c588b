import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { generateApiKey } from '@mcp-prod/auth'
import { createLogger } from '@mcp-prod/logging'
import { createMetrics } from '@mcp-prod/metrics'
import { createServer } from '@mcp-prod/security'
import { createShutdown } from '@mcp-prod/shutdown'
import { createApp } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import { createServices } from '../../src/services.js'
import { tools } from '../../src/tools/index.js'

const everyScope = [...new Set(tools.flatMap((tool) => tool.scopes))]

/** The whole public application on a free port, with two keys: one for every scope and one for none. */
export async function runningApp(env: NodeJS.ProcessEnv = {}) {
  const full = generateApiKey('full')
  const bare = generateApiKey('bare')
  const keys = [
    { id: full.id, hash: full.hash, principal: 'alice', scopes: everyScope },
    { id: bare.id, hash: bare.hash, principal: 'bob', scopes: [] },
  ]
  const config = readConfig({ API_KEYS: JSON.stringify(keys), ...env })
  const logs = new PassThrough()
  const lines: string[] = []
  logs.on('data', (chunk) => lines.push(String(chunk)))
  const logger = createLogger({ level: 'debug', stream: logs })
  const metrics = createMetrics({ tools: tools.map((tool) => tool.name), runtime: false })
  const { services } = createServices(config)
  const shutdown = createShutdown({ logger })
  const { app, mcp } = createApp({ config, logger, metrics, services, shutdown })
  const server = createServer(app)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: new URL(`http://127.0.0.1:${port}/mcp`),
    key: full.key,
    keyWithoutScopes: bare.key,
    metrics,
    logs: async () => {
      await logger.flush()
      return lines.join('')
    },
    async close() {
      await mcp.close()
      server.closeAllConnections()
      server.close()
    },
  }
}
