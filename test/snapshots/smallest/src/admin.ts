import { type Check, dependencyChecks, live, ready, startup } from '@mcp-prod/health'
import { logLevel } from '@mcp-prod/logging'
import { type ProfileEvent, profiling, requireToken } from '@mcp-prod/profiling'
import { notFound, recover } from '@mcp-prod/recovery'
import { hostGuard, securityHeaders } from '@mcp-prod/security'
import express, { type Request } from 'express'
import type { Telemetry } from './telemetry.js'

export interface AdminParts {
  checks: Record<string, Check>
  telemetry: Telemetry
  isStarted: () => boolean
  /** Why no traffic should come just now: starting or draining. */
  blockedBy: () => string | undefined
  /** Names it may be asked by; any when empty, as probes and scrapers ask by address. */
  hosts: readonly string[]
  /** Opens profiling and the log's level to whoever has it; without one there are none. */
  token: string | undefined
}

/** The private port: probes for the platform and metrics for Prometheus. Never expose it to the internet. */
export function createAdmin(parts: AdminParts) {
  const { checks, telemetry, isStarted, blockedBy, hosts, token } = parts
  const { logger, audit, metrics } = telemetry
  const at = ({ ip }: Request) => ({ remoteAddress: ip })
  const report = dependencyChecks(checks, {
    onChange: (check, status, error) =>
      status === 'up'
        ? logger.info('dependency is back', { check })
        : logger.warn('dependency failed', { check, status, error }),
  })

  metrics.observeHealth(async () => {
    const { ok, checks } = await report()
    return { ready: ok && blockedBy() === undefined, checks }
  })

  const setLevel = logLevel(logger)
  const app = express()
  app.use(securityHeaders())
  app.use(hostGuard({ hosts, dangerouslyAnyHost: hosts.length === 0 }))
  app.get('/health', live(report))
  app.get('/ready', ready(report, { blockedBy }))
  app.get('/startup', startup(isStarted))
  app.get('/metrics', metrics.handler)
  if (token !== undefined) {
    const onRefused = (req: Request) =>
      audit({ decision: 'unauthenticated', method: 'debug', reason: 'token', ...at(req) })
    const onProfile = (profile: ProfileEvent, req: Request) =>
      audit({ decision: 'allowed', method: 'profile', ...profile, ...at(req) })
    app.use('/debug/pprof', profiling({ token, onProfile, onRefused }))
    app.all('/debug/log-level', requireToken(token, { onRefused }), (req, res, next) => {
      if (req.method === 'PUT') audit({ decision: 'allowed', method: 'log-level', ...at(req) })
      return setLevel(req, res, next)
    })
  }
  app.use(notFound())
  app.use(recover({ logger }))
  return app
}
