import { once } from 'node:events'
import { type AddressInfo, createServer as createSocketServer } from 'node:net'
import { createServer } from '@mcp-prod/security'
import { createShutdown } from '@mcp-prod/shutdown'
import { createApp } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import { createServices } from '../../src/services.js'
import { credentials } from './credentials.js'
import { keptTelemetry } from './kept-telemetry.js'

/** The whole public application on a free port, with two tokens: one for every scope and one for none. */
export async function runningApp(env: NodeJS.ProcessEnv = {}) {
  const port = await freePort()
  // The canonical URI names the port, so it must be known before there is a server.
  const url = new URL(`http://localhost:${port}/mcp`)
  const access = await credentials(url.href)
  // Nobody listens there: the tests that need PostgreSQL bring their own. // +postgres
  access.env.DATABASE_URL ??= 'postgres://127.0.0.1:1/none' // +postgres
  // Nobody listens there: the tests that need Redis bring their own. // +redis
  access.env.REDIS_URL ??= 'redis://127.0.0.1:1' // +redis
  access.env.LIMITS_WITHOUT_REDIS ??= '1' // +redis
  // However busy the machine is that runs the tests.
  access.env.MAX_EVENT_LOOP_DELAY ??= '1m'
  const config = readConfig({ ...access.env, ...env })
  const { telemetry, metrics, logs } = keptTelemetry()
  const { services, close } = createServices(config, telemetry)
  const shutdown = createShutdown({ logger: telemetry.logger })
  const mcp = createApp({ config, telemetry, services, shutdown })
  const server = createServer(mcp.app)
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    url,
    access,
    token: access.token,
    bareToken: access.bareToken,
    auth: mcp.auth,
    metrics,
    logs,
    async close() {
      await mcp.endStreams()
      mcp.close()
      access.close()
      server.closeAllConnections()
      server.close()
      await close()
    },
  }
}

async function freePort(): Promise<number> {
  const server = createSocketServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
