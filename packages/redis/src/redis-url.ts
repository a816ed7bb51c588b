import { wrongOption } from './options.js'

/** Where Redis is, and as whom one connects. */
export interface RedisTarget {
  /** One server, a master that Sentinels name, or a Cluster. */
  kind: 'server' | 'sentinel' | 'cluster'
  tls: boolean
  /** The server, the Sentinels, or the first nodes of the Cluster to be asked for the others. */
  hosts: readonly { host: string; port: number }[]
  username?: string
  password?: string
  /** Number of the database; a Cluster has only 0. */
  db: number
  /** The name by which the Sentinels know the master. */
  master?: string
}

const FORMS =
  'redis://[[user]:password@]host[:port][/db], redis+sentinel://…@host,host/master[/db] or redis+cluster://…@host,host (rediss for TLS)'
const URL_PARTS =
  /^(?<scheme>rediss?)(?:\+(?<kind>sentinel|cluster))?:\/\/(?:(?<user>[^@/?#]*)@)?(?<hosts>[^@/?#]+)(?<path>(?:\/[^@/?#]*)*)$/
const HOST = /^(?<host>[\w.-]+|\[[\da-f:.]+\])(?::(?<port>\d{1,5}))?$/i
const MASTER = /^[\w.-]+$/
const DB = /^\d{1,9}$/

/**
 * Takes a Redis URL apart: `redis://`, `redis+sentinel://`, `redis+cluster://`, and each with `rediss` for TLS.
 * A password with other characters than letters and digits has them percent-encoded.
 *
 * @throws TypeError `ERR_REDIS_OPTION` that says what is wrong, and never what the URL was: it may hold a password.
 */
export function parseRedisUrl(url: string): RedisTarget {
  if (typeof url !== 'string') throw wrongUrl('it is no text')
  const { scheme, kind = 'server', user, hosts = '', path = '' } = partsOf(url)
  const defaultPort = kind === 'sentinel' ? 26_379 : 6379
  const found = hosts.split(',').map((host) => hostOf(host, defaultPort))
  if (kind === 'server' && found.length > 1) throw wrongUrl('one server has one host')
  return {
    kind: kind as RedisTarget['kind'],
    tls: scheme === 'rediss',
    hosts: found,
    ...(user !== undefined && credentialsOf(user)),
    ...placeOf(kind, path),
  }
}

/** Whether `connectRedis` would take this URL. */
export function isRedisUrl(text: string): boolean {
  try {
    parseRedisUrl(text)
    return true
  } catch {
    return false
  }
}

function partsOf(url: string): Record<string, string | undefined> {
  if (/[\s\p{Cc}]/u.test(url)) throw wrongUrl('it has spaces or control characters')
  const parts = URL_PARTS.exec(url)?.groups
  if (parts) return parts
  if (/[?#]/.test(url)) throw wrongUrl('it has a ? or # (percent-encode them in a password)')
  throw wrongUrl('it has another form')
}

function hostOf(text: string, defaultPort: number): { host: string; port: number } {
  const { host, port = String(defaultPort) } = HOST.exec(text)?.groups ?? {}
  if (host === undefined) throw wrongUrl('a host is missing or is none')
  if (Number(port) < 1 || Number(port) > 65_535) throw wrongUrl('a port is not from 1 to 65535')
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
}

function credentialsOf(user: string): Pick<RedisTarget, 'username' | 'password'> {
  const [, name = '', secret = ''] = /^([^:]*):?(.*)$/.exec(user) ?? []
  const [username, password] = [decode(name), decode(secret)]
  // Redis would let it in as nobody, and say so only at the first command.
  if (password === '') throw wrongUrl('it has a user without a password')
  return { password, ...(username !== '' && { username }) }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw wrongUrl('user or password are not percent-encoded')
  }
}

function placeOf(kind: string, path: string): Pick<RedisTarget, 'db' | 'master'> {
  const segments = path.split('/').slice(1)
  if (segments.at(-1) === '') segments.pop()
  const master = kind === 'sentinel' ? segments.shift() : undefined
  if (kind === 'sentinel' && !MASTER.test(master ?? '')) {
    throw wrongUrl('the name of the master is missing after the hosts')
  }
  const [db = '0', ...more] = segments
  if (more.length > 0 || !DB.test(db)) throw wrongUrl('its path is no number of a database')
  if (kind === 'cluster' && Number(db) !== 0) throw wrongUrl('a Cluster has no database but 0')
  return { db: Number(db), ...(master !== undefined && { master }) }
}

function wrongUrl(why: string): TypeError {
  return wrongOption(`url must be ${FORMS}; ${why}`)
}
