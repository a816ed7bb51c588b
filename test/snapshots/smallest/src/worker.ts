import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Check } from '@mcp-prod/health'
import { createServer, hostGuard, securityHeaders } from '@mcp-prod/security'
import type { WorkerLink } from '@mcp-prod/workers'
import express, { type Router } from 'express'
import { watchedChecks } from './admin.js'
import type { Config } from './config.js'
import { createDebug } from './debug.js'
import type { OwnProcess } from './process.js'

/** What a worker has in place of the private port: it tells its primary, and ends when that is gone. */
export async function answerPrimary(
  link: WorkerLink,
  config: Config,
  own: OwnProcess,
  checks: Record<string, Check>,
) {
  const { telemetry, shutdown } = own
  const { logger, metrics } = telemetry
  link.onOrphaned(() => shutdown.stop('the primary is gone', 1))
  link.onAsk('metrics', () => metrics.snapshot())
  link.onAsk('health', watchedChecks(checks, logger))
  // What was counted since it was asked last. A primary that is gone has nobody to tell it to.
  shutdown.onClose('last metrics', async () => {
    await link.ask('last metrics', await metrics.snapshot()).catch(() => {})
  })
  const debug = createDebug(telemetry, config.ADMIN_TOKEN)
  const debugPort = debug && (await openDebug(debug, own))
  return {
    started(about: object) {
      logger.debug('worker listening', { ...about })
      link.ready({ ...about, debugPort })
    },
  }
}

/** A port of its own for this machine alone, by which the primary reaches this very process. */
async function openDebug(debug: Router, { shutdown }: OwnProcess): Promise<number> {
  const app = express()
  // The primary says who asks it.
  app.set('trust proxy', 'loopback')
  app.use(securityHeaders())
  app.use(hostGuard({ hosts: ['127.0.0.1'] }))
  app.use('/debug', debug)
  const server = createServer(app)
  shutdown.addServer(server, { last: true })
  server.listen({ host: '127.0.0.1', port: 0, exclusive: true })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
