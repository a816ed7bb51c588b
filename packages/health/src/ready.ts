import type { RequestHandler } from 'express'
import type { Checks } from './checks.js'

export interface ReadyOptions {
  /** Why no traffic should come just now, such as `starting` or `draining`; undefined when it may. */
  blockedBy?: () => string | undefined
  /** Whether to name the dependencies. Turn off where strangers can ask. @default true */
  detail?: boolean
}

/**
 * Readiness: 200 only when traffic can be served, 503 with the reason otherwise: `blockedBy` says so,
 * or a critical check is not up. While blocked no check is run.
 */
export function ready(checks?: Checks, options: ReadyOptions = {}): RequestHandler {
  const { blockedBy, detail = true } = options

  return async function readyMiddleware(_req, res) {
    res.set('Cache-Control', 'no-store')
    const reason = blockedBy?.()
    if (reason !== undefined) {
      res.status(503).json({ status: 'not ready', reason })
      return
    }
    const report = await checks?.()
    const details = detail && report ? { checks: report.checks } : {}
    if (!report || report.ok) res.json({ status: 'ready', ...details })
    else res.status(503).json({ status: 'not ready', reason: 'dependency', ...details })
  }
}
