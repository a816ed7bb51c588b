import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, type Redis } from 'ioredis'
import { createClient, type RedisClient, type TlsOptions } from './create-client.js'
import { requireInteger, requireOption } from './options.js'
import { RedisError, toldOf } from './redis-error.js'
import { parseRedisUrl, type RedisTarget } from './redis-url.js'
import { type Logger, watchConnection } from './watch-connection.js'

export interface ConnectOptions {
  /** Milliseconds that connecting may take. @default 2000 */
  connectTimeoutMs?: number
  /** Milliseconds that a command may take; after twice that without any answer the connection is closed. @default 1000 */
  commandTimeoutMs?: number
  /** How many pieces of work may wait for Redis; more are refused at once. @default 1000 */
  maxPending?: number
  /** What Redis shows of the connection in `CLIENT LIST`. */
  connectionName?: string
  /** For `rediss`: a CA that is not one of the system's, a client certificate. */
  tls?: TlsOptions
  /** As whom to ask the Sentinels; the URL has the user of Redis itself. */
  sentinel?: { username?: string; password?: string }
  /** Told when the connection is lost and when it is back. */
  logger?: Logger
}

export interface RedisConnection {
  readonly kind: RedisTarget['kind']
  /**
   * Runs work with the client.
   * @throws RedisError when Redis is away, overloaded or too slow; its own error when the command is wrong.
   */
  use<T>(work: (client: RedisClient) => Promise<T>): Promise<T>
  /** Resolves when Redis answers, in a Cluster each of its masters. @throws RedisError when it does not. */
  check(): Promise<void>
  /** Connections and those who wait, as metrics of pools have them. */
  state(): { size: number; idle: number; waiting: number; max: number }
  /**
   * Connects once more to the same Redis, for commands that block, `blockMs` milliseconds at most: they would hold up
   * all others on a shared connection. It is closed by itself, and without waiting for what blocks.
   */
  duplicate(options: { blockMs: number }): RedisConnection
  /** Waits for the answers under way, but not for ever. */
  close(): Promise<void>
}

const CLOSE_MS = 1_000
const SAY_WHY_MS = 100
const LONGEST_MS = 60_000
const TLS_OPTIONS = ['ca', 'cert', 'key', 'passphrase', 'servername']

/**
 * Connects to Redis, and again whenever the connection is lost. Work waits for the first attempt to connect; from then
 * on it fails at once while Redis is away. All share one connection (to each node of a Cluster): commands are sent
 * without waiting for the answers before, so a pool would only add sockets. Commands that block, such as BLPOP, need a
 * client of their own.
 *
 * @throws TypeError `ERR_REDIS_OPTION` for a wrong URL or option; the URL is not in its message.
 */
export function connectRedis(
  url: string | RedisTarget,
  options: ConnectOptions = {},
): RedisConnection {
  const { connectTimeoutMs = 2_000, commandTimeoutMs = 1_000, maxPending = 1_000 } = options
  const target = typeof url === 'object' && url !== null ? url : parseRedisUrl(url)
  requireInteger('connectTimeoutMs', connectTimeoutMs, [1, LONGEST_MS], 'milliseconds')
  requireInteger('commandTimeoutMs', commandTimeoutMs, [1, LONGEST_MS], 'milliseconds')
  requireInteger('maxPending', maxPending, [1, 100_000], 'pieces of work')
  requireTls(options.tls, target)
  return open(target, { ...options, connectTimeoutMs, commandTimeoutMs, maxPending }, 0)
}

type OpenOptions = ConnectOptions &
  Required<Pick<ConnectOptions, 'connectTimeoutMs' | 'commandTimeoutMs' | 'maxPending'>>

/** @param blockMs how long a command may block; 0 when none does */
function open(target: RedisTarget, options: OpenOptions, blockMs: number): RedisConnection {
  const { connectTimeoutMs, maxPending, connectionName, tls, sentinel, logger } = options
  const commandTimeoutMs = options.commandTimeoutMs + blockMs
  const timeouts = { connectTimeoutMs, commandTimeoutMs, closeTimeoutMs: CLOSE_MS }
  const client = createClient(target, { ...timeouts, connectionName, tls, sentinel })
  const secrets = [target.password, sentinel?.password].flatMap((text) => text || [])
  const lost = watchConnection(client, logger, secrets)
  let pending = 0
  const connecting = client.connect().catch(() => {
    // The listener was told, and it is tried again.
  })
  // Sentinels that are all away are asked again without an end. Others say why before that.
  let first: Promise<unknown> | undefined = Promise.race([
    connecting,
    delay(connectTimeoutMs + SAY_WHY_MS),
  ])
  void first.then(() => {
    first = undefined
  })

  async function use<T>(work: (client: RedisClient) => Promise<T>): Promise<T> {
    if (pending >= maxPending) throw new RedisError(`${pending} others wait for Redis already`)
    pending++
    try {
      // Until then nobody knows whether it is away.
      if (first) await first
      if (client.status !== 'ready') {
        throw new RedisError(`not connected: ${lost() ?? client.status}`)
      }
      return await work(client as unknown as RedisClient)
    } catch (error) {
      throw toldOf(error)
    } finally {
      pending--
    }
  }

  return {
    kind: target.kind,
    use,
    check: async () =>
      void (await use(() => Promise.all(mastersOf(client).map((to) => to.ping())))),
    state() {
      const size = client.status === 'ready' ? 1 : 0
      return { size, idle: pending === 0 ? size : 0, waiting: pending, max: 1 }
    },
    duplicate({ blockMs }) {
      requireInteger('blockMs', blockMs, [1, LONGEST_MS], 'milliseconds')
      // Whoever needs it tells itself when it is away: the log would have everything twice.
      const { logger: _, ...others } = options
      return open(target, others, blockMs)
    },
    async close() {
      if (blockMs > 0) return client.disconnect()
      await Promise.race([client.quit().catch(() => {}), delay(CLOSE_MS)])
      client.disconnect()
    },
  }
}

const delay = (ms: number) => sleep(ms, undefined, { ref: false })

function mastersOf(client: Redis | Cluster): readonly Redis[] {
  return client instanceof Cluster ? client.nodes('master') : [client]
}

/** `rejectUnauthorized: false` would be an encrypted connection to whoever answers. */
function requireTls(tls: TlsOptions | undefined, target: RedisTarget): void {
  if (tls === undefined) return
  const isObject = typeof tls === 'object' && tls !== null
  requireOption(isObject, 'tls', 'an object or be left out', tls)
  const other = Object.keys(tls).find((option) => !TLS_OPTIONS.includes(option))
  requireOption(other === undefined, 'tls', `an object of ${TLS_OPTIONS.join(', ')} alone`, tls)
  requireOption(target.tls, 'tls', 'left out where the url is not rediss', tls)
}
