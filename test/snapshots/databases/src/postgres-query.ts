import pg from 'pg'

/** The database could not be used just now; its message is for the log. */
export class DatabaseError extends Error {
  override name = 'DatabaseError'
}

/** What may stand for `$1` in a statement. */
export type Parameter = string | number | boolean | Date | null | readonly (string | number)[]

/**
 * Runs one statement and gives its rows. What a caller said goes into `values`, never into `text`.
 *
 * @param signal ends the wait and the statement, when nobody waits for its rows any more.
 * @throws DatabaseError when the database is away, overloaded or too slow; pg's own error when the statement is
 * wrong; the signal's reason when it aborts.
 */
export type RunQuery = <Row extends pg.QueryResultRow>(
  text: string,
  values: readonly Parameter[],
  signal: AbortSignal,
) => Promise<Row[]>

export interface QueryOptions {
  /** Callers that may wait for a connection at once; pg itself would let any number wait. */
  maxWaiting: number
  /** Ends what a connection is busy with, at the server. */
  cancel?: (client: pg.PoolClient) => Promise<unknown>
}

/** Queries through a pool. A connection goes back to it only when it is known to be idle, and is closed otherwise. */
export function queryThrough(pool: pg.Pool, { maxWaiting, cancel }: QueryOptions): RunQuery {
  return async function query<Row extends pg.QueryResultRow>(
    text: string,
    values: readonly Parameter[],
    signal: AbortSignal,
  ) {
    const client = await acquire(pool, maxWaiting, signal)
    // Also without parameters the extended protocol: it takes one statement and no more.
    const statement = { text, values: [...values], queryMode: 'extended' }
    try {
      const { rows } = await unlessAborted(client.query<Row>(statement), signal)
      client.release(client.getTransactionStatus() !== 'I')
      return rows
    } catch (error) {
      if (signal.aborted) {
        // Until the server has stopped it counts as in use, or cancelled calls would fill the server with work.
        void (cancel?.(client) ?? Promise.resolve()).finally(() => client.release(true))
        throw error
      }
      // Of an ERROR the session survives, such as a statement timeout.
      client.release(!(error instanceof pg.DatabaseError && error.severity === 'ERROR'))
      throw isOutage(error) ? unavailable(error) : error
    }
  }
}

async function acquire(pool: pg.Pool, maxWaiting: number, signal: AbortSignal) {
  signal.throwIfAborted()
  // For a moment those who get an idle connection are counted as waiting.
  const waiting = pool.waitingCount - pool.idleCount
  if (waiting >= maxWaiting) throw new DatabaseError(`${waiting} others wait for a connection`)
  const connecting = pool.connect()
  try {
    return await unlessAborted(connecting, signal)
  } catch (error) {
    // What comes too late goes back unused.
    connecting.then(
      (client) => client.release(),
      () => {},
    )
    throw signal.aborted ? error : unavailable(error)
  }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

/** Connection, conflict with others, resources, intervention (statement timeout too), system; a standby after failover. */
const OUTAGE = /^(08|40|53|57|58|25006)/

function isOutage(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return OUTAGE.test(error.code ?? '')
  return !(error instanceof TypeError || error instanceof RangeError)
}

/** Whether the server has no connection left to give (too_many_connections). */
export function isFull(error: unknown): boolean {
  const { cause } = error as Error
  return cause instanceof pg.DatabaseError && cause.code === '53300'
}

function unavailable(cause: unknown): DatabaseError {
  return new DatabaseError((cause as Error).message, { cause })
}
