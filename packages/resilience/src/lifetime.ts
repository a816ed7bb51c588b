import { onAbort } from './on-abort.js'

/**
 * How long one run may go on. Plain callbacks instead of an AbortSignal, since listening to one of those costs ten times as
 * much, and three layers of a run listen.
 */
export interface Lifetime {
  /** By `performance.now()`. */
  readonly endsAt: number
  /** Whether the time is over or the caller has given up, and why. */
  readonly over: { reason: unknown } | undefined
  /** Whether it was the caller who gave up. */
  readonly cancelled: boolean
  /** Calls `listener` with the reason when it is over, unless that is taken back by what this gives. */
  onOver(listener: (reason: unknown) => void): () => void
  /** The run has ended: takes back the timer and the listener. */
  release(): void
}

/** @param onTimeout called when the time is over: gives the reason. */
export function lifetime(
  timeoutMs: number,
  caller: AbortSignal | undefined,
  onTimeout: () => Error,
): Lifetime {
  const endsAt = performance.now() + timeoutMs
  const listeners = new Set<(reason: unknown) => void>()
  let over: { reason: unknown } | undefined
  let cancelled = false
  let timer: NodeJS.Timeout | undefined
  let unlisten: (() => void) | undefined

  function release(): void {
    clearTimeout(timer)
    unlisten?.()
  }
  function finish(reason: unknown): void {
    release()
    over = { reason }
    for (const listener of [...listeners]) listener(reason)
  }
  function cancel(): void {
    cancelled = true
    finish(caller?.reason)
  }
  function expire(): void {
    finish(onTimeout())
  }

  if (caller?.aborted) cancel()
  else if (timeoutMs <= 0) expire()
  else {
    timer = setTimeout(expire, timeoutMs)
    if (caller) unlisten = onAbort(caller, cancel)
  }
  return {
    endsAt,
    get over() {
      return over
    },
    get cancelled() {
      return cancelled
    },
    onOver(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    release,
  }
}
