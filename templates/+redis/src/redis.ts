import { setTimeout as sleep } from 'node:timers/promises'
import { duration, parsed, secret } from '@mcp-prod/config'
import { connectRedis, parseRedisUrl, type RedisConnection } from '@mcp-prod/redis'
import type { SharedConfig } from './config.js'
import { name } from './identity.js'
import { tracedUse } from './redis-spans.js' // +tracing
import type { ServiceParts } from './services.js'

export const redisSettings = {
  REDIS_URL: secret(parsed(parseRedisUrl)),
  REDIS_CONNECT_TIMEOUT: duration({ min: '10ms', max: '1m', default: '2s' }),
  REDIS_COMMAND_TIMEOUT: duration({ min: '10ms', max: '1m', default: '1s' }),
}

/** What this server's keys for limits and events begin with: another server may have its own in the same Redis. */
export const keyPrefix = `mcp:${name.replace(/[^\w./-]/g, '').slice(0, 50)}:`

export type RedisConfig = Pick<SharedConfig, keyof typeof redisSettings>
export type Redis = RedisConnection
export type UseRedis = Redis['use']

/** One connection to Redis for all calls, which comes back by itself. While it is away calls fail at once. */
export function createRedis(config: RedisConfig, parts: ServiceParts): Redis {
  const redis = connectRedis(config.REDIS_URL, {
    connectTimeoutMs: config.REDIS_CONNECT_TIMEOUT,
    commandTimeoutMs: config.REDIS_COMMAND_TIMEOUT,
    connectionName: name,
    logger: parts.logger,
  })
  parts.metrics?.observePool('redis', redis.state)
  return {
    ...redis,
    ...tracedUse(redis.use, parts.tracing), // +tracing
  }
}

const KNOWN_WITHIN_MS = 2_000

/**
 * Waits until it is known whether Redis is there, so that the first calls are not counted by this process alone because it is still
 * connecting. Where Redis is away the server starts all the same. Rejects when `signal` aborts.
 */
export async function untilKnown(redis: Redis, signal: AbortSignal): Promise<void> {
  const asked = redis.check().catch(() => {})
  await Promise.race([asked, sleep(KNOWN_WITHIN_MS, undefined, { ref: false, signal })])
}
