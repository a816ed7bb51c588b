import type { Lifetime } from './lifetime.js'

/**
 * Exponential backoff with full jitter: anything from 0 to the doubled delay, each as likely. Callers that failed
 * together do not come back together.
 *
 * @param failures how often it failed so far, from 1.
 */
export function backoffMs(
  failures: number,
  minDelayMs: number,
  maxDelayMs: number,
  random: () => number = Math.random,
): number {
  return random() * Math.min(maxDelayMs, minDelayMs * 2 ** (failures - 1))
}

/** @throws the reason as soon as `life` is over. */
export function sleep(delayMs: number, life: Lifetime): Promise<void> {
  return new Promise((resolve, reject) => {
    if (life.over) {
      reject(life.over.reason)
      return
    }
    const timer = setTimeout(() => {
      unlisten()
      resolve()
    }, delayMs)
    const unlisten = life.onOver((reason) => {
      clearTimeout(timer)
      reject(reason)
    })
  })
}
