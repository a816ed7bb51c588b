import type { Check } from '@mcp-prod/health'
import { type Meters, memoryMeters } from '@mcp-prod/ratelimit'
import { workerLink, workerMeters } from '@mcp-prod/workers'
import type { Config } from './config.js'
import type { Services } from './services.js'
import type { Telemetry } from './telemetry.js'

/** Of addresses, and of principals with their tools, that are counted one by one. */
export const MAX_KEYS = 100_000

interface MeterParts {
  config: Config
  telemetry: Telemetry
  services: Services
}

interface CountedLimits {
  /** Undefined: every limit counts by itself. */
  meters: Meters | undefined
  checks: Record<string, Check>
  close(): void
}

/** Where limits are counted: in this process, or for all workers in their primary. Several replicas let through as many times as much. */
export function createMeters({ telemetry }: MeterParts): CountedLimits {
  const { logger, metrics } = telemetry
  const link = workerLink()
  if (!link) return { meters: undefined, checks: {}, close() {} }
  const meters = workerMeters(link, {
    fallback: memoryMeters(MAX_KEYS),
    onChange(away, reason) {
      if (away) logger.warn('limits are counted by this worker alone', { reason })
      else logger.info('limits are counted for all workers again')
    },
  })
  metrics.observeSharedLimits(meters.state)
  return { meters, checks: {}, close() {} }
}
