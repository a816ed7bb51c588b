import { setTimeout as sleep } from 'node:timers/promises'
import { duration, integer, secret, url } from '@mcp-prod/config'
import { workerLink } from '@mcp-prod/workers'
import pg from 'pg'
import type { SharedConfig } from './config.js'
import { name } from './identity.js'
import { isFull, queryThrough } from './postgres-query.js'
import type { ServiceParts } from './services.js'

export const postgresSettings = {
  DATABASE_URL: secret(url({ protocols: ['postgres:', 'postgresql:'] })),
  DATABASE_POOL_MAX: integer({ min: 1, max: 1_000, default: 10 }),
  DATABASE_ACQUIRE_TIMEOUT: duration({ min: '10ms', max: '1m', default: '2s' }),
  DATABASE_STATEMENT_TIMEOUT: duration({ min: '10ms', max: '1h', default: '5s' }),
}

export type PostgresConfig = Pick<SharedConfig, keyof typeof postgresSettings>
export type Postgres = ReturnType<typeof createPostgres>

const CHECK_MS = 1_500
const CLOSE_MS = 2_000

/** A bounded pool of connections to PostgreSQL, and one more for probes and for ending what nobody waits for. */
export function createPostgres(config: PostgresConfig, parts: ServiceParts) {
  const { logger, metrics } = parts
  // Of a replica: its workers share them, rounded up.
  const max = Math.ceil(config.DATABASE_POOL_MAX / (workerLink()?.count ?? 1))
  const open = new Map<pg.PoolClient, pg.Pool>()
  const pool = opened(max, config.DATABASE_ACQUIRE_TIMEOUT, config.DATABASE_STATEMENT_TIMEOUT)
  const control = opened(1, CHECK_MS, CHECK_MS)
  const ask = queryThrough(control, { maxWaiting: max })
  const query = queryThrough(pool, { maxWaiting: 10 * max, cancel })
  metrics?.observePool('postgres', () => ({
    size: pool.totalCount,
    idle: pool.idleCount,
    waiting: pool.waitingCount,
    max,
  }))

  function opened(max: number, acquireMs: number, statementMs: number): pg.Pool {
    const pool = new pg.Pool({
      connectionString: config.DATABASE_URL,
      application_name: name,
      max,
      connectionTimeoutMillis: acquireMs,
      statement_timeout: statementMs,
      // For a server that does not answer at all, so that its own timeout never comes.
      query_timeout: statementMs + 1_000,
      idle_in_transaction_session_timeout: statementMs + 1_000,
      idleTimeoutMillis: 30_000,
      // A new connection asks DNS again, and so finds the server that took over.
      maxLifetimeSeconds: 600,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    })
    // Without a listener the loss of an idle connection would end the process.
    pool.on('error', ({ message }) => logger.warn('database connection lost', { reason: message }))
    pool.on('connect', (client) => {
      open.set(client, pool)
      // While in use, its query fails and says so.
      client.on('error', () => {})
    })
    pool.on('remove', (client) => open.delete(client))
    return pool
  }

  // Not pg_cancel_backend: a statement that has not quite begun would miss it. The connection is closed anyway.
  async function cancel(client: pg.PoolClient) {
    const { processID } = client as pg.PoolClient & { processID: number }
    await control
      .query('select pg_terminate_backend($1)', [processID])
      .catch(({ message }: Error) => {
        logger.debug('a statement was not cancelled and runs into its timeout', { reason: message })
      })
  }

  /** Goes through the pool like a call, unless all of it is at work: being busy is not being down. */
  async function check(signal: AbortSignal) {
    const hasRoom = pool.totalCount < max || pool.idleCount > pool.waitingCount
    try {
      await (hasRoom ? query : ask)('select 1', [], signal)
    } catch (error) {
      // Others have all connections that are left; those of this replica work. Its own count has those that are only tried.
      if (!isFull(error) || ![...open.values()].includes(pool)) throw error
    }
  }

  /** Waits for the queries under way, but not for ever, and cuts off the rest. */
  async function close() {
    const until = performance.now() + CLOSE_MS
    // pg would let callers stand who still wait for a connection.
    const isBusy = () => pool.waitingCount > 0 || pool.idleCount < pool.totalCount
    while (isBusy() && performance.now() < until) await sleep(20)
    const ended = Promise.all([pool.end(), control.end()])
    for (const client of open.keys()) void client.end()
    await Promise.race([ended, sleep(500)])
  }

  return {
    query,
    check,
    close,
  }
}
