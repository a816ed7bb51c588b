import type { Fetch } from './wire.js'

/** Far longer than a call takes: an answer that never comes is a failure too. */
export const TIMEOUT_MS = 20_000

/** How a client reaches the replicas. */
export interface Target {
  url: URL
  key: string
  fetch: Fetch
}

/** A call of the tool and how its answer is to come: in one piece, or as a stream that begins at once. */
export interface Call {
  name: string
  arguments: Record<string, unknown>
  streamed: boolean
}

export interface OpenClient {
  /** The structured content of the answer. */
  call(call: Call): Promise<unknown>
  close(): Promise<void>
}
