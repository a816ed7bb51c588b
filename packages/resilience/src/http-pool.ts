import type { Connection } from './http-connection.js'

/** The connections of one origin. How many are in use at once is bounded by whoever asks for them. */
export interface Pool {
  /** One that was kept, or a new one. */
  take(): Connection
  /** A new one. */
  open(): Connection
  /** Back for the next request, or ended when it is of no more use. */
  release(connection: Connection): void
  /** How many there are: in use, kept, or about to end. */
  readonly size: number
  /** Ends those kept that gave no answer since, by `performance.now()`: their peer may be gone without a word. */
  doubt(since: number): void
  /** Ends all, and resolves when nothing is left. */
  destroy(): Promise<void>
}

export function pool(openConnection: () => Connection, maxAgeMs: number): Pool {
  const all = new Set<Connection>()
  // The last one used is taken first, so that the surplus of a busy time can end.
  let idle: Connection[] = []
  let isDestroyed = false

  async function forget(connection: Connection): Promise<void> {
    idle = idle.filter((other) => other !== connection)
    await connection.destroy()
    all.delete(connection)
  }

  function open() {
    if (isDestroyed) throw new Error('the client is closed')
    const connection = openConnection()
    all.add(connection)
    connection.client.on('disconnect', () => {
      if (idle.includes(connection)) forget(connection)
    })
    return connection
  }

  return {
    open,
    take() {
      for (;;) {
        const kept = idle.pop()
        if (!kept) return open()
        if (performance.now() - kept.openedAt < maxAgeMs) return kept
        forget(kept)
      }
    },
    release(connection) {
      if (connection.client.destroyed) forget(connection)
      else idle.push(connection)
    },
    get size() {
      return all.size
    },
    doubt(since) {
      for (const connection of idle) {
        if ((connection.answeredAt ?? 0) < since) forget(connection)
      }
    },
    async destroy() {
      isDestroyed = true
      await Promise.all([...all].map(forget))
    },
  }
}
