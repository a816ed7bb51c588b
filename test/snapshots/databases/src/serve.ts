import type { Check } from '@mcp-prod/health'
import { waitFor } from '@mcp-prod/resilience'
import { createServer } from '@mcp-prod/security'
import { capConnections, type WorkerLink, workerLink } from '@mcp-prod/workers'
import { Router } from 'express'
import { adminHosts, createAdmin, openProbes } from './admin.js'
import { createApp } from './app.js'
import { type Config, tlsOf } from './config.js'
import { listen } from './listen.js'
import type { OwnProcess } from './process.js'
import { untilKnown } from './redis.js'
import { watchSettings } from './reload.js'
import { createServices } from './services.js'
import { tools } from './tools/index.js'
import { answerPrimary } from './worker.js'

/** Serves calls, alone or as one of the workers. */
export async function serve(config: Config, own: OwnProcess) {
  const { telemetry, shutdown } = own
  const { logger, metrics } = telemetry
  const { services, checks, needed, close } = createServices(config, telemetry)
  shutdown.onClose('services', close)
  const probes = Router()
  const mcp = createApp({ config, telemetry, services, shutdown, probes })
  shutdown.onClose('limits', mcp.close)
  shutdown.onDrained('mcp streams', mcp.endStreams)

  const tls = tlsOf(config)
  const server = createServer(mcp.app, { tls })
  const link = workerLink()
  const cap = link && capConnections(server, Math.ceil(server.maxConnections / link.count))
  const allChecks = { ...checks, ...mcp.checks }
  const door = await openPrivately({ link, config, own, checks: allChecks, probes })
  shutdown.addServer(server)
  // A database may start after its clients: probes say `starting` until it is there, for so long.
  await waitFor(needed, {
    timeoutMs: config.STARTUP_TIMEOUT,
    signal: shutdown.signal,
    onRetry({ name, error, attempt }) {
      // The first ones are those of a client that is still connecting.
      const level = attempt < 3 ? 'debug' : 'warn'
      logger[level]('not there yet, trying again', { name, reason: (error as Error).message })
    },
  })
  await untilKnown(services.redis, shutdown.signal)
  const url = await listen(server, 'PORT', config.HOST, config.PORT)
  const watch = watchSettings({ config, logger, auth: mcp.auth, server })
  shutdown.onClose('settings', () => watch.close())
  metrics.observeConnections(server, { limit: cap })
  metrics.observeSubscriptions(mcp.subscriptions)
  metrics.observeCertificate('server', () => watch.certificate()?.expiresAt.getTime())
  door.started({
    url: `${url}/mcp`,
    certificate: watch.certificate(),
    tools: tools.length,
    node: process.version,
  })
}

interface DoorParts {
  link: WorkerLink | undefined
  config: Config
  own: OwnProcess
  checks: Record<string, Check>
  /** On the public port. */
  probes: Router
}

/** Where probes and metrics are answered: at the private port, at the public one, or to the primary, which has them. */
async function openPrivately({ link, config, own, checks, probes }: DoorParts) {
  const { telemetry, shutdown } = own
  if (link) return answerPrimary(link, config, own, checks)

  let isStarted = false
  const parts = {
    checks,
    telemetry,
    token: config.ADMIN_TOKEN,
    isStarted: () => isStarted,
    blockedBy: () => (shutdown.draining ? 'draining' : isStarted ? undefined : 'starting'),
  }
  let adminUrl: string | undefined
  if (config.ADMIN_PORT === 'none') openProbes(probes, parts)
  else {
    const admin = createServer(createAdmin({ ...parts, hosts: adminHosts(config) }))
    shutdown.addServer(admin, { last: true })
    adminUrl = await listen(admin, 'ADMIN_PORT', config.ADMIN_HOST, config.ADMIN_PORT)
  }
  return {
    started(about: object) {
      isStarted = true
      telemetry.logger.info('listening', { adminUrl, ...about })
    },
  }
}
