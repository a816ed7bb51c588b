import type { EventStore, StoredEvent } from './event-store.js'
import { within } from './within.js'

/** Milliseconds that a client waits for what it missed. */
const READ_TIMEOUT_MS = 2000
/** So many events may be on their way to a store at a time; further ones are lost rather than held. */
const MAX_PENDING = 1000

/** An event store that fails, hangs or throws without anybody noticing but who must. */
export interface Recorder {
  append(session: string, stream: number, event: StoredEvent): Promise<unknown> | undefined
  /** @throws Error when the store fails, or takes too long. */
  read(session: string, stream: number, after: number): Promise<StoredEvent[]>
  drop(session: string): void
  state(): { events: number; bytes: number; lost: number }
}

export function recorder(store: EventStore, onError: (error: Error) => void): Recorder {
  let pending = 0
  let lost = 0

  function failed(error: unknown): void {
    lost++
    onError(new Error('an event could not be stored', { cause: error }))
  }

  return {
    append(session, stream, event) {
      if (pending >= MAX_PENDING) {
        failed(new Error(`${MAX_PENDING} events wait for the store`))
        return undefined
      }
      try {
        const stored = store.append(session, stream, event)
        if (!isPromise(stored)) return undefined
        pending++
        return stored.then(undefined, failed).finally(() => pending--)
      } catch (error) {
        failed(error)
        return undefined
      }
    },
    async read(session, stream, after) {
      const events = await within(READ_TIMEOUT_MS, async () => store.read(session, stream, after))
      return [...events].sort((one, other) => one.seq - other.seq)
    },
    drop(session) {
      const failedToDrop = (cause: unknown) =>
        onError(new Error('the events of a session could not be dropped', { cause }))
      try {
        const dropped = store.drop(session)
        if (isPromise(dropped)) dropped.then(undefined, failedToDrop)
      } catch (error) {
        failedToDrop(error)
      }
    },
    state: () => ({ ...(store.state?.() ?? { events: 0, bytes: 0 }), lost }),
  }
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as Promise<unknown> | undefined)?.then === 'function'
}
