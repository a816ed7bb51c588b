import type { RequestHandler } from 'express'
import type { Checks } from './checks.js'

export interface LiveOptions {
  /** Whether to name the dependencies. Turn off where strangers can ask. @default true */
  detail?: boolean
}

/**
 * Liveness: 200 while the process can answer at all. It never looks at a dependency: a restart would not mend one,
 * restarting every healthy pod makes an outage worse, and a check that hangs would outlast the probe. What others
 * found of them last, readiness or a scrape, is shown (`degraded`).
 */
export function live(checks?: Checks, options: LiveOptions = {}): RequestHandler {
  const { detail = true } = options

  return function liveMiddleware(_req, res) {
    const found = checks?.latest()
    const degraded = found && Object.values(found.checks).some((check) => check.status !== 'up')
    res.set('Cache-Control', 'no-store').json({
      status: degraded ? 'degraded' : 'ok',
      uptimeSeconds: Math.round(process.uptime()),
      ...(detail && found && { checks: found.checks }),
    })
  }
}
