import type { RequestHandler } from 'express'
import type { Checks } from './checks.js'

export interface LiveOptions {
  /** Whether to name the dependencies. Turn off where strangers can ask. @default true */
  detail?: boolean
}

/**
 * Liveness: 200 while the process can answer at all. Dependencies are reported (`degraded`), never a reason to
 * fail: a restart would not mend them, and restarting every healthy pod makes an outage worse.
 */
export function live(checks?: Checks, options: LiveOptions = {}): RequestHandler {
  const { detail = true } = options

  return async function liveMiddleware(_req, res) {
    const report = await checks?.()
    const degraded = report && Object.values(report.checks).some((check) => check.status !== 'up')
    res.set('Cache-Control', 'no-store').json({
      status: degraded ? 'degraded' : 'ok',
      uptimeSeconds: Math.round(process.uptime()),
      ...(detail && report && { checks: report.checks }),
    })
  }
}
