import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { printConfig } from '@mcp-prod/config'
import { levelOnSignal, requestIdOf } from '@mcp-prod/logging'
import { handleProcessErrors, watchEventLoop } from '@mcp-prod/recovery'
import { NotReadyError, waitFor } from '@mcp-prod/resilience'
import { callsOf } from '@mcp-prod/rpc'
import { createServer } from '@mcp-prod/security'
import { createShutdown, type Shutdown } from '@mcp-prod/shutdown'
import { createAdmin } from './admin.js'
import { createApp } from './app.js'
import { type Config, loadDevelopmentEnv, readConfig, settings, tlsOf } from './config.js'
import { orExit } from './faults.js'
import { name, version } from './identity.js'
import { watchSettings } from './reload.js'
import { createServices } from './services.js'
import { createTelemetry, type Telemetry } from './telemetry.js'
import { tools } from './tools/index.js'

loadDevelopmentEnv()
if (process.argv.includes('--print-config')) {
  process.stdout.write(`${printConfig(settings)}\n`)
  orExit(readConfig)
} else {
  const config = orExit(readConfig)
  const telemetry = orExit(() => createTelemetry(config))
  const { logger, audit, metrics } = telemetry
  const shutdown = createShutdown({
    logger,
    graceMs: config.SHUTDOWN_GRACE,
    drainTimeoutMs: config.SHUTDOWN_DRAIN,
    // What is left for hooks and open sockets.
    deadlineMs: config.SHUTDOWN_GRACE + config.SHUTDOWN_DRAIN + 5_000,
    isStream: (req) => req.method === 'GET' || callsOf(req)[0]?.method === 'subscriptions/listen',
    // Whom a shutdown cut off.
    describe: (req) => ({
      requestId: requestIdOf(req),
      calls: callsOf(req)
        .slice(0, 10)
        .map(({ method, name }) => `${method} ${name ?? ''}`.slice(0, 100)),
    }),
  })
  // First of all, so that a signal or an error during start-up ends the process in order too.
  shutdown.onClose('logger', () => Promise.all([logger.flush(), audit.flush()]))
  shutdown.listen()
  levelOnSignal(logger, 'SIGUSR2')
  // Meant for a log file; without one it would end the process, and the calls in flight with it.
  if (process.env.NODE_ENV === 'production') process.on('SIGHUP', () => logger.info('SIGHUP'))
  metrics.observeDrain(() => ({
    drainingForMs: shutdown.drainingForMs,
    limitMs: shutdown.deadlineMs,
  }))
  handleProcessErrors({ logger, stop: shutdown.stop, onError: metrics.observeProcessError })
  watchEventLoop({
    logger,
    service: name,
    version,
    killAfterMs: config.EVENT_LOOP_KILL,
    onBlocked: ({ durationMs }) => metrics.observeEventLoopBlocked(durationMs),
  })
  await start(config, { telemetry, shutdown }).catch((error: Error) => {
    // A signal during the start is no fault of it.
    if (shutdown.draining) return
    const problems = error instanceof NotReadyError ? error.faults : [error.message]
    for (const problem of problems) logger.error('cannot start', { problem })
    logger.debug('cannot start', { error })
    return shutdown.stop('cannot start', 1)
  })
}

interface Parts {
  telemetry: Telemetry
  shutdown: Shutdown
}

async function start(config: Config, { telemetry, shutdown }: Parts) {
  const { logger, metrics } = telemetry
  const { services, checks, needed, close } = createServices(config, telemetry)
  shutdown.onClose('services', close)
  const { app, auth, limits, mcp } = createApp({ config, telemetry, services, shutdown })
  shutdown.onClose('limits', limits.close)
  shutdown.onDrained('mcp streams', () => mcp.close())

  let started = false
  const blockedBy = () => (shutdown.draining ? 'draining' : started ? undefined : 'starting')
  // On a developer's machine a web page could reach it through a rebound name.
  const hosts = config.ADMIN_HOST === '127.0.0.1' ? ['localhost', '127.0.0.1'] : []
  const allChecks = { ...checks, ...limits.checks, ...auth.checks }
  const token = config.ADMIN_TOKEN
  const isStarted = () => started
  const admin = createServer(
    createAdmin({ checks: allChecks, telemetry, isStarted, blockedBy, hosts, token }),
  )
  const tls = tlsOf(config)
  const server = createServer(app, { tls })
  shutdown.addServer(admin, { last: true })
  shutdown.addServer(server)
  const adminUrl = await listen(admin, 'ADMIN_PORT', config.ADMIN_HOST, config.ADMIN_PORT)
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
  const url = await listen(server, 'PORT', config.HOST, config.PORT)
  const watch = watchSettings({ config, logger, auth, server })
  shutdown.onClose('settings', () => watch.close())
  metrics.observeConnections(server)
  metrics.observeSubscriptions(() => mcp.subscriptions)
  metrics.observeCertificate('server', () => watch.certificate()?.expiresAt.getTime())
  started = true
  logger.info('listening', {
    url: `${url}/mcp`,
    adminUrl,
    certificate: watch.certificate(),
    tools: tools.length,
    node: process.version,
  })
}

async function listen(server: Server, setting: string, host: string, port: number) {
  server.listen(port, host)
  await once(server, 'listening').catch((cause: Error) => {
    throw new Error(`cannot listen on ${host}:${port}, as ${setting} says: ${cause.message}`)
  })
  const { address, port: actual, family } = server.address() as AddressInfo
  const scheme = 'setSecureContext' in server ? 'https' : 'http'
  return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${actual}`
}
