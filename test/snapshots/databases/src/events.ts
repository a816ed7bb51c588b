import { redisEventBus } from '@mcp-prod/redis'
import { keyPrefix } from './redis.js'
import type { Services } from './services.js'
import type { Telemetry } from './telemetry.js'

interface EventParts {
  telemetry: Telemetry
  services: Services
  /** The resources whose changes this process's subscribers wait for. */
  watched: () => Iterable<string>
}

/**
 * What carries the news that a resource or a list has changed, to the subscribers of all replicas. While Redis is away only those
 * of this process hear of it; when it is back the others are told to look again.
 */
export function createEvents({ telemetry, services, watched }: EventParts) {
  const { logger, metrics } = telemetry
  const bus = redisEventBus(services.redis, {
    keyPrefix,
    subscribedUris: watched,
    onChange(away, reason) {
      if (away) logger.warn('events reach this process alone', { reason })
      else logger.info('events reach all replicas again')
    },
    onGap: (reason) =>
      logger.info('events were missed: subscribers are told to look again', { reason }),
  })
  metrics.observeEventBus(bus.state)
  const checks = { 'shared events': { run: bus.check, critical: false } }
  return { bus, checks, close: bus.close }
}
