import type { Lifetime } from './lifetime.js'

export interface AttemptLimits {
  /** Abandons the work as soon as it is over, with its reason. */
  life: Lifetime
  /** Milliseconds until it is abandoned at the latest. */
  timeoutMs: number
  /** What it fails with then. */
  onTimeout: () => Error
  /** Called once the work has ended, or `graceMs` after it was abandoned; may be called again later. */
  onGone?: () => void
  graceMs?: number
}

/**
 * Runs work that must end: when its time is over or its caller gives up, its signal aborts and the wait is over,
 * whether the work listens or not. What it yields later is dropped.
 */
export function attempt<T>(
  work: (signal: AbortSignal) => T | Promise<T>,
  limits: AttemptLimits,
): Promise<T> {
  const { life, timeoutMs, onTimeout, onGone, graceMs = 0 } = limits
  const controller = new AbortController()
  return new Promise((resolve, reject) => {
    if (life.over) {
      onGone?.()
      reject(life.over.reason)
      return
    }
    const abandon = (reason: unknown) => {
      cleanUp()
      if (onGone) timer = setTimeout(onGone, graceMs).unref()
      // First: the work's answer to the abort must not be taken for its outcome.
      reject(reason)
      controller.abort(reason)
    }
    const unlisten = life.onOver(abandon)
    let timer = setTimeout(() => abandon(onTimeout()), timeoutMs)
    const cleanUp = () => {
      clearTimeout(timer)
      unlisten()
    }
    const end = () => {
      cleanUp()
      onGone?.()
    }
    start(() => work(controller.signal)).then(
      (value) => {
        end()
        resolve(value)
      },
      (error) => {
        end()
        reject(error)
      },
    )
  })
}

/** Turns what is thrown at once into a rejection. */
async function start<T>(work: () => T | Promise<T>): Promise<T> {
  return work()
}
