/** What the main thread and the one that watches it share. */
export interface WatchData {
  /** `BEATS` and `DEBUGGED`, in shared memory. */
  cells: Int32Array
  /** Milliseconds between two beats, and between two looks at them. */
  tickMs: number
  blockedMs: number
  killAfterMs: number
  service: string | undefined
  version: string | undefined
}

/** What the watcher says after a block. */
export interface Blocked {
  /** Milliseconds that the event loop did not turn, to about a tenth of `blockedMs`. */
  durationMs: number
  /** Where it was blocked. Undefined when that could not be learnt. */
  stack: string | undefined
}

/** Index of the cell that the main thread counts up. */
export const BEATS = 0
/** Index of the cell that is 1 while the inspector listens. */
export const DEBUGGED = 1
