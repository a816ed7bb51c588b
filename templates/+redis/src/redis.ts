import { setTimeout as sleep } from 'node:timers/promises'
import { duration, secret, url } from '@mcp-prod/config'
import { Redis as Client, ReplyError } from 'ioredis'
import type { SharedConfig } from './config.js'
import { name } from './identity.js'
import { tracedUse } from './redis-spans.js' // +tracing
import type { ServiceParts } from './services.js'

export const redisSettings = {
  REDIS_URL: secret(url({ protocols: ['redis:', 'rediss:'] })),
  REDIS_CONNECT_TIMEOUT: duration({ min: '10ms', max: '1m', default: '2s' }),
  REDIS_COMMAND_TIMEOUT: duration({ min: '10ms', max: '1m', default: '1s' }),
}

export type RedisConfig = Pick<SharedConfig, keyof typeof redisSettings>
export type Redis = ReturnType<typeof createRedis>
export type UseRedis = <T>(work: (client: Client) => Promise<T>) => Promise<T>

/** Redis could not be used just now; its message is for the log. */
export class RedisError extends Error {
  override name = 'RedisError'
}

const MAX_PENDING = 1_000
const CLOSE_MS = 1_000
/** Replies of a server that will answer again, or of another one that will. */
const OUTAGE =
  /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|OOM|MISCONF|NOREPLICAS|NOAUTH|WRONGPASS|UNBLOCKED)\b|max number of clients/

/** One connection to Redis for all calls, which comes back by itself. While it is away calls fail at once. */
export function createRedis(config: RedisConfig, parts: ServiceParts) {
  const { logger, metrics } = parts
  const { REDIS_CONNECT_TIMEOUT: connectMs, REDIS_COMMAND_TIMEOUT: commandMs } = config
  let pending = 0
  /** Why there is no connection. */
  let lost: string | undefined
  const client = new Client(config.REDIS_URL, {
    connectionName: name,
    lazyConnect: true,
    connectTimeout: connectMs,
    commandTimeout: commandMs,
    // A server that does not answer at all: its connection is closed, and what waits on it with it.
    socketTimeout: 2 * commandMs,
    keepAlive: 10_000,
    // Nothing waits for a connection, and what was sent is not sent twice: it may have been done.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // Full jitter: replicas do not all come back at the same moment.
    retryStrategy: (attempt) => 50 + Math.random() * Math.min(5_000, 100 * 2 ** attempt),
    // The server has become a replica: the name leads to another one by now.
    reconnectOnError: ({ message }) => message.startsWith('READONLY'),
  })
  // Only messages are logged: the errors carry their command, and so passwords and values.
  client.on('error', ({ message }: Error) => {
    logger[lost ? 'debug' : 'warn']('redis connection lost', { reason: message })
    lost = message
  })
  client.on('ready', () => {
    if (lost) logger.info('redis connection is back')
    lost = undefined
  })
  client.connect().catch(() => {
    // The listener above was told, and it is tried again.
  })
  metrics?.observePool('redis', () => {
    const size = client.status === 'ready' ? 1 : 0
    return { size, idle: pending === 0 ? size : 0, waiting: pending, max: 1 }
  })

  /** @throws RedisError when Redis is away, overloaded or too slow; its own error when the command is wrong. */
  async function use<T>(work: (client: Client) => Promise<T>): Promise<T> {
    if (client.status !== 'ready') throw new RedisError(`not connected: ${lost ?? client.status}`)
    if (pending >= MAX_PENDING) throw new RedisError(`${pending} others wait for Redis already`)
    pending++
    try {
      return await work(client)
    } catch (error) {
      const { message } = error as Error
      if (error instanceof ReplyError && !OUTAGE.test(message)) throw new Error(message)
      throw new RedisError(message)
    } finally {
      pending--
    }
  }

  return {
    use,
    check: () => use((client) => client.ping()),
    ...tracedUse(use, parts.tracing), // +tracing
    /** Waits for the answers under way, but not for ever. */
    async close() {
      await Promise.race([
        client.quit().catch(() => {}),
        sleep(CLOSE_MS, undefined, { ref: false }),
      ])
      client.disconnect()
    },
  }
}
