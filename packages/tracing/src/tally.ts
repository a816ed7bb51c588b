import type { SpanStats } from './types.js'

/** Where every sampled span is counted exactly once in the end. */
export interface Tally extends SpanStats {
  /** Waiting to be sent. */
  queued: number
  /** Handed to the exporter, which has not said yet what became of them. */
  inFlight: number
  /** All has been counted. */
  isClosed: boolean
}

export function tally(): Tally {
  return { exported: 0, failed: 0, dropped: 0, queued: 0, inFlight: 0, isClosed: false }
}
