import { onTestFinished } from 'vitest'
import {
  type ConnectOptions,
  connectRedis,
  type RedisConnection,
  type RedisMetersOptions,
  redisMeters,
} from '../../src/index.js'
import { sharedStore } from '../../src/shared-store.js'
import { referenceMeters } from './reference.js'

/** A connection that is closed with the test, and what it logged. */
export function opened(url: string, options: ConnectOptions = {}) {
  const lines: string[] = []
  const log = (level: string) => (message: string, fields?: Record<string, unknown>) =>
    lines.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`)
  const logger = { debug: log('debug'), info: log('info'), warn: log('warn') }
  const redis = connectRedis(url, { connectTimeoutMs: 1_000, logger, ...options })
  onTestFinished(() => redis.close())
  return { redis, lines }
}

export async function ready(redis: RedisConnection): Promise<void> {
  for (let tries = 0; ; tries++) {
    const failure = await redis.check().then(
      () => undefined,
      (error: Error) => error,
    )
    if (!failure) return
    if (tries > 300) throw failure
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** What is in Redis alone: without the deadline, which a busy machine may miss, and so without local judgements. */
export async function openedStore(url: string, keyPrefix = 'mcp:limit:') {
  const { redis } = opened(url, { commandTimeoutMs: 10_000 })
  await ready(redis)
  return { redis, meters: sharedStore(redis, keyPrefix) }
}

/** Meters on a connection of their own that is ready, and what they told. */
export async function openedMeters(
  url: string,
  options: RedisMetersOptions = {},
  connect: ConnectOptions = {},
) {
  const { redis, lines } = opened(url, connect)
  await ready(redis)
  const changes: string[] = []
  const fallback = referenceMeters(() => performance.now())
  const meters = redisMeters(redis, {
    fallback,
    onChange: (away, reason) => changes.push(away ? `away: ${reason}` : 'back'),
    ...options,
  })
  onTestFinished(() => meters.close())
  return { redis, meters, changes, lines }
}

export function charge(key: string, units: number, limit = 10, windowMs = 60_000) {
  return { key, units, limit, windowMs }
}
