import type { Log } from './logger.js'
import type { Slot } from './slot.js'
import type { WorkerDeath } from './types.js'

/** Of a signal that came while it was loading a worker may die: nothing had begun. */
export function isOrderly({ code, signal, ready }: WorkerDeath): boolean {
  const isEarly = signal === 'SIGTERM' || signal === 'SIGINT' || code === 143 || code === 130
  return (code === 0 && !signal) || (!ready && isEarly)
}

export async function endAll(
  slots: readonly Slot[],
  alive: () => Slot[],
  timeoutMs: number,
  onEnd: (done: () => void) => void,
  log: Log,
): Promise<void> {
  // After `stopping` is set: a worker that dies of it at once must not be replaced.
  await Promise.resolve()
  for (const slot of slots) slot.close()
  if (alive().length === 0) return
  const ended = new Promise<void>(onEnd)
  for (const slot of alive()) slot.kill('SIGTERM')
  const timer = setTimeout(() => {
    for (const slot of alive()) {
      log('error', 'worker killed: it did not end in time', { worker: slot.info()?.id })
      slot.kill('SIGKILL')
    }
  }, timeoutMs)
  await ended
  clearTimeout(timer)
}
