import { constants } from 'node:os'

/**
 * npm, `tsx watch` and `node --watch` pass on what the terminal has already sent, and supervisors send SIGTERM and SIGINT
 * together: one wish, two signals. A container at its CPU limit stands still for up to 100 ms between them.
 */
const SAME_WISH_MS = 300

/** Marks the handlers of `early`, which may come from another copy of this package. */
export const EARLY: unique symbol = Symbol.for('@mcp-prod/shutdown/early')

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
  removeEarly()
  return () => {
    for (const signal of signals) process.off(signal, onSignal)
  }
}

function removeEarly(): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    for (const listener of process.listeners(signal)) {
      if (EARLY in listener) process.off(signal, listener)
    }
  }
}
