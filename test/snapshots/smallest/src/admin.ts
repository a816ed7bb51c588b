import { type Check, type Checks, dependencyChecks, live, ready, startup } from '@mcp-prod/health'
import type { Logger } from '@mcp-prod/logging'
import { requireToken } from '@mcp-prod/profiling'
import { notFound, recover } from '@mcp-prod/recovery'
import { hostGuard, securityHeaders } from '@mcp-prod/security'
import express, { type RequestHandler, type Router } from 'express'
import type { Config } from './config.js'
import { createDebug } from './debug.js'
import type { Telemetry } from './telemetry.js'

interface Parts {
  telemetry: Telemetry
  isStarted: () => boolean
  /** Why no traffic should come just now: starting or draining. */
  blockedBy: () => string | undefined
  /** Names it may be asked by; any when empty, as probes and scrapers ask by address. */
  hosts: readonly string[]
}

export interface AdminParts extends Parts {
  checks: Record<string, Check>
  /** Opens profiling and the log's level to whoever has it; without one there are none. */
  token: string | undefined
}

/** The private port: probes for the platform and metrics for Prometheus. Never expose it to the internet. */
export function createAdmin({ checks, token, ...parts }: AdminParts) {
  const { telemetry } = parts
  return adminApp({
    ...parts,
    report: watchedChecks(checks, telemetry.logger),
    scrape: telemetry.metrics.handler,
    debug: createDebug(telemetry, token),
  })
}

export interface AdminAppParts extends Parts {
  report: Checks
  /** Answers Prometheus. */
  scrape: RequestHandler
  /** Profiles and the log's level. */
  debug: Router | undefined
}

/** The same, of whatever says how the server is: this process, or all workers. */
export function adminApp(parts: AdminAppParts) {
  const { telemetry, report, scrape, isStarted, blockedBy, hosts, debug } = parts
  observeHealth(parts)
  const app = express()
  app.use(securityHeaders())
  app.use(hostGuard({ hosts, dangerouslyAnyHost: hosts.length === 0 }))
  app.get('/health', live(report))
  app.get('/ready', ready(report, { blockedBy }))
  app.get('/startup', startup(isStarted))
  app.get('/metrics', scrape)
  if (debug) app.use('/debug', debug)
  app.use(notFound())
  app.use(recover({ logger: telemetry.logger }))
  return app
}

/**
 * The same on the public port, for platforms that have but one: probes that name nothing, and the rest for whoever has the token.
 */
export function openProbes(router: Router, { checks, token, ...parts }: Omit<AdminParts, 'hosts'>) {
  const { telemetry, isStarted, blockedBy } = parts
  const report = watchedChecks(checks, telemetry.logger)
  observeHealth({ ...parts, report })
  router.get('/health', live(report, { detail: false }))
  router.get('/ready', ready(report, { blockedBy, detail: false }))
  router.get('/startup', startup(isStarted))
  const debug = createDebug(telemetry, token)
  if (token !== undefined) router.get('/metrics', requireToken(token), telemetry.metrics.handler)
  if (debug) router.use('/debug', debug)
}

function observeHealth({
  telemetry,
  report,
  blockedBy,
}: Omit<AdminAppParts, 'hosts' | 'scrape' | 'debug'>) {
  telemetry.metrics.observeHealth(async () => {
    const { ok, checks } = await report()
    return { ready: ok && blockedBy() === undefined, checks }
  })
}

/** On a developer's machine a web page could reach it through a rebound name. */
export function adminHosts({ ADMIN_HOST }: Pick<Config, 'ADMIN_HOST'>): string[] {
  const isLocal = ['127.0.0.1', '::1', 'localhost'].includes(ADMIN_HOST)
  return isLocal ? ['localhost', '127.0.0.1', '[::1]'] : []
}

/** Looks at what the server depends on, and tells the log when it goes and when it is back. */
export function watchedChecks(checks: Record<string, Check>, logger: Logger): Checks {
  return dependencyChecks(checks, {
    onChange: (check, status, error) =>
      status === 'up'
        ? logger.info('dependency is back', { check })
        : logger.warn('dependency failed', { check, status, error }),
  })
}
