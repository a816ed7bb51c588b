import { constants } from 'node:os'

/** `tsx watch` and `node --watch` pass on what the terminal has already sent: one key press, two signals. */
const SAME_PRESS_MS = 50

/** Handles `signals` until the returned function is called. */
export function onSignals(
  signals: readonly NodeJS.Signals[],
  first: (signal: NodeJS.Signals) => void,
  again: (signal: NodeJS.Signals, exitCode: number) => void,
): () => void {
  let seen: { signal: NodeJS.Signals; at: number } | undefined

  function onSignal(signal: NodeJS.Signals) {
    const at = performance.now()
    if (!seen) {
      seen = { signal, at }
      first(signal)
    } else if (signal !== seen.signal || at - seen.at > SAME_PRESS_MS) {
      again(signal, 128 + constants.signals[signal])
    }
  }

  for (const signal of signals) process.on(signal, onSignal)
  return () => {
    for (const signal of signals) process.off(signal, onSignal)
  }
}
