import type { RequestHandler } from 'express'
import { requireFunction } from './options.js'

/**
 * Start-up: 503 until `isStarted` was true once, 200 from then on, also while the server drains: Kubernetes leaves
 * liveness and readiness alone until it succeeds, so a slow start is no reason for a restart.
 *
 * @throws TypeError `ERR_HEALTH_OPTION` when `isStarted` is no function.
 */
export function startup(isStarted: () => boolean): RequestHandler {
  requireFunction('isStarted', isStarted)
  let started = false

  return function startupMiddleware(_req, res) {
    started ||= isStarted() === true
    res
      .set('Cache-Control', 'no-store')
      .status(started ? 200 : 503)
      .json({ status: started ? 'started' : 'starting' })
  }
}
