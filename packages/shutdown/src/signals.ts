import { constants } from 'node:os'

/**
 * `tsx watch` and `node --watch` pass on what the terminal has already sent, and supervisors send SIGTERM and SIGINT
 * together: one wish, two signals.
 */
const SAME_WISH_MS = 50

/** Handles `signals` until the returned function is called. */
export function onSignals(
  signals: readonly NodeJS.Signals[],
  first: (signal: NodeJS.Signals) => void,
  again: (signal: NodeJS.Signals, exitCode: number) => void,
): () => void {
  let firstAt: number | undefined

  function onSignal(signal: NodeJS.Signals) {
    const at = performance.now()
    if (firstAt === undefined) {
      firstAt = at
      first(signal)
    } else if (at - firstAt > SAME_WISH_MS) {
      again(signal, 128 + constants.signals[signal])
    }
  }

  for (const signal of signals) process.on(signal, onSignal)
  return () => {
    for (const signal of signals) process.off(signal, onSignal)
  }
}
