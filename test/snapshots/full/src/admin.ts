import { type Check, dependencyChecks, live, ready } from '@mcp-prod/health'
import type { Logger } from '@mcp-prod/logging'
import type { Metrics } from '@mcp-prod/metrics'
import { notFound, recover } from '@mcp-prod/recovery'
import { hostGuard, securityHeaders } from '@mcp-prod/security'
import express from 'express'

export interface AdminParts {
  checks: Record<string, Check>
  logger: Logger
  metrics: Metrics
  /** Why no traffic should come just now: starting or draining. */
  blockedBy: () => string | undefined
  /** Names it may be asked by; any when empty, as probes and scrapers ask by address. */
  hosts: readonly string[]
}

/** The private port: probes for the platform and metrics for Prometheus. Never expose it to the internet. */
export function createAdmin({ checks, logger, metrics, blockedBy, hosts }: AdminParts) {
  const report = dependencyChecks(checks, {
    onChange: (check, status, error) =>
      status === 'up'
        ? logger.info('dependency is back', { check })
        : logger.warn('dependency failed', { check, status, error }),
  })

  const app = express()
  app.use(securityHeaders())
  app.use(hostGuard({ hosts, dangerouslyAnyHost: hosts.length === 0 }))
  app.get('/health', live(report))
  app.get('/ready', ready(report, { blockedBy }))
  app.get('/metrics', metrics.handler)
  app.use(notFound())
  app.use(recover({ logger }))
  return app
}
