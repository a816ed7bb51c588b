import { memoryMeters } from '@mcp-prod/ratelimit'
import { redisMeters } from '@mcp-prod/redis'
import type { Config } from './config.js'
import { keyPrefix } from './redis.js'
import type { Services } from './services.js'
import type { Telemetry } from './telemetry.js'

/** Of addresses, and of principals with their tools, that are counted one by one while Redis is away. */
export const MAX_KEYS = 100_000

interface MeterParts {
  config: Config
  telemetry: Telemetry
  services: Services
}

/** Where limits are counted: in Redis, for all replicas together, and in this process while Redis is away. */
export function createMeters({ config, telemetry, services }: MeterParts) {
  const { logger, metrics } = telemetry
  // Of each worker: together they are one replica.
  const share = config.LIMITS_WITHOUT_REDIS / config.WORKERS
  const meters = redisMeters(services.redis, {
    keyPrefix: `${keyPrefix}limit:`,
    fallback: memoryMeters(MAX_KEYS),
    share,
    onChange(away, reason) {
      if (away) logger.warn('limits are counted by this process alone', { share, reason })
      else logger.info('limits are counted in Redis again')
    },
  })
  metrics.observeSharedLimits(meters.state)
  return {
    meters,
    // Where it refuses everyone without Redis it is not ready either.
    checks: { 'shared limits': { run: meters.check, critical: share === 0 } },
    close: meters.close,
  }
}
