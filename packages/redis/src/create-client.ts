import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { Cluster, Redis, type RedisCommander, type RedisOptions } from 'ioredis'
import type { RedisTarget } from './redis-url.js'

/** What server, Sentinel and Cluster have in common: the commands. */
export type RedisClient = RedisCommander & Pick<Redis, 'call' | 'multi' | 'pipeline'>

/** For `rediss`; certificates are always verified. */
export type TlsOptions = Pick<
  ConnectionOptions,
  'ca' | 'cert' | 'key' | 'passphrase' | 'servername'
>

export interface ClientOptions {
  connectTimeoutMs: number
  commandTimeoutMs: number
  closeTimeoutMs: number
  connectionName: string | undefined
  tls: TlsOptions | undefined
  sentinel: { username?: string; password?: string } | undefined
}

const REFRESH_MS = 5_000

/** The client of ioredis for this target. It does not connect yet. */
export function createClient(target: RedisTarget, options: ClientOptions): Redis | Cluster {
  const [{ host, port } = { host: '', port: 0 }] = target.hosts
  switch (target.kind) {
    case 'server':
      return new Redis({ ...common(target, options), host, port, retryStrategy: retryAfterMs })
    case 'sentinel':
      return new Redis({
        ...common(target, options),
        ...sentinels(target, options),
        retryStrategy: retryAfterMs,
      })
    case 'cluster':
      return createCluster(target, options)
  }
}

function common(target: RedisTarget, options: ClientOptions): RedisOptions {
  const { username, password, db } = target
  const { connectionName, connectTimeoutMs, commandTimeoutMs, closeTimeoutMs } = options
  const tls = tlsOf(target, options)
  return {
    lazyConnect: true,
    db,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls }),
    ...(connectionName !== undefined && { connectionName }),
    connectTimeout: connectTimeoutMs,
    commandTimeout: commandTimeoutMs,
    disconnectTimeout: closeTimeoutMs,
    // A server that does not answer at all: its connection is closed, and what waits on it with it.
    socketTimeout: 2 * commandTimeoutMs,
    keepAlive: 10_000,
    // Nothing waits for a connection, and what was sent is not sent twice: it may have been done.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // The server has become a replica: the name leads to another one by now.
    reconnectOnError: ({ message }) => message.startsWith('READONLY'),
  }
}

function sentinels(target: RedisTarget, options: ClientOptions): RedisOptions {
  const { username, password } = options.sentinel ?? {}
  const tls = tlsOf(target, options)
  return {
    sentinels: target.hosts.map((host) => ({ ...host })),
    name: target.master ?? '',
    ...(username !== undefined && { sentinelUsername: username }),
    ...(password !== undefined && { sentinelPassword: password }),
    ...(tls && { sentinelTLS: tls, enableTLSForSentinelMode: true }),
    sentinelCommandTimeout: options.commandTimeoutMs,
    // Short: ioredis waits it out even when it has been closed.
    sentinelRetryStrategy: () => 50 + Math.random() * 950,
  }
}

function createCluster(target: RedisTarget, options: ClientOptions): Cluster {
  const { enableOfflineQueue: _, reconnectOnError: __, ...redisOptions } = common(target, options)
  const nodes = target.hosts.map((host) => ({ ...host }))
  const cluster = new Cluster(nodes, {
    redisOptions,
    lazyConnect: true,
    clusterRetryStrategy: retryAfterMs,
    // What was sent is not sent again. A node that is gone is found out by MOVED and by the refresh.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    slotsRefreshInterval: REFRESH_MS * (0.75 + Math.random() / 2),
    slotsRefreshTimeout: options.connectTimeoutMs,
    // Names stay names, or certificates would have to name addresses.
    dnsLookup: (name, callback) => callback(null, name),
  })
  // Before the first command needs it, which then has not its time to connect as well.
  cluster.on('+node', (node: Redis) => {
    if (node.status === 'wait') node.connect().catch(() => {})
  })
  return cluster
}

function tlsOf({ kind, tls, hosts }: RedisTarget, options: ClientOptions) {
  if (!tls) return undefined
  const host = hosts[0]?.host ?? ''
  const servername = kind === 'server' && !isIP(host) ? { servername: host } : {}
  // Said here, so that no variable of the environment turns it off.
  return { ...servername, ...options.tls, rejectUnauthorized: true }
}

/** Full jitter: replicas do not all come back at the same moment. */
function retryAfterMs(attempt: number): number {
  return 50 + Math.random() * Math.min(5_000, 100 * 2 ** attempt)
}
