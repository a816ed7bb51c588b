import { setTimeout } from 'node:timers/promises'

/** Rejects when the signal aborts. */
export function wait(seconds: number, signal: AbortSignal): Promise<void> {
  return setTimeout(seconds * 1000, undefined, { signal })
}
