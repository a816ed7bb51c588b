import { logLevel } from '@mcp-prod/logging'
import { type ProfileEvent, profiling, requireToken } from '@mcp-prod/profiling'
import { type Request, Router } from 'express'
import type { Telemetry } from './telemetry.js'

/** Told of who was refused, and what was done. */
export function debugAudit({ audit }: Telemetry) {
  const at = ({ ip }: Request) => ({ remoteAddress: ip })
  return {
    onRefused: (req: Request) =>
      audit({ decision: 'unauthenticated', method: 'debug', reason: 'token', ...at(req) }),
    onProfile: (profile: ProfileEvent, req: Request) =>
      audit({ decision: 'allowed', method: 'profile', ...profile, ...at(req) }),
    onLevel: (req: Request) => audit({ decision: 'allowed', method: 'log-level', ...at(req) }),
  }
}

/** Profiles and the log's level, for whoever has the token; without one there are none. */
export function createDebug(telemetry: Telemetry, token: string | undefined): Router | undefined {
  if (token === undefined) return undefined
  const { onRefused, onProfile, onLevel } = debugAudit(telemetry)
  const setLevel = logLevel(telemetry.logger)
  const router = Router()
  router.use('/pprof', profiling({ token, onProfile, onRefused }))
  router.all('/log-level', requireToken(token, { onRefused }), (req, res, next) => {
    if (req.method === 'PUT') onLevel(req)
    return setLevel(req, res, next)
  })
  return router
}
