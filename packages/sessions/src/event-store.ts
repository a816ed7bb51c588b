/** A message of a stream, in the order of `seq`. */
export interface StoredEvent {
  seq: number
  /** The message as JSON text. */
  data: string
}

/** Where messages are kept for clients that lost their connection. Bounded by whoever provides it. */
export interface EventStore {
  /**
   * Keeps a message. Nobody waits for it: what fails or comes too late costs the client the message, if it has lost its connection.
   *
   * @param session a hash of the session's id, which a store never learns.
   */
  append(session: string, stream: number, event: StoredEvent): unknown
  /** What it still has of a stream after `seq`. */
  read(session: string, stream: number, after: number): StoredEvent[] | Promise<StoredEvent[]>
  /** Forgets a session that has ended. */
  drop(session: string): unknown
  /** What it holds of all sessions, for `state()`. */
  state?(): { events: number; bytes: number }
}
