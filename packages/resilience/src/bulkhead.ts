import { FullError } from './errors.js'
import type { Lifetime } from './lifetime.js'

export interface BulkheadOptions {
  /** Attempts that may run at once. @default 64 */
  concurrency?: number
  /** Attempts that may wait for their turn. @default 64 */
  queue?: number
}

export interface Bulkhead {
  readonly running: number
  readonly queued: number
  /**
   * Waits for a place, first come first served; `leave` what it gives once, when the work has ended.
   * @throws FullError at once when no place to wait is left either; the reason as soon as `life` is over.
   */
  enter(life: Lifetime): Promise<() => void>
}

/** Bounds how much runs at once and how much waits, so that one slow dependency cannot take everything. */
export function bulkhead(name: string, concurrency: number, queue: number): Bulkhead {
  let running = 0
  // A set keeps its order, and whoever leaves is found at once.
  const waiting = new Set<() => void>()

  function leave(): void {
    const [next] = waiting
    // The place is handed on, so that nobody who comes now gets in before.
    if (next) next()
    else running--
  }

  function once(): () => void {
    let left = false
    return () => {
      if (left) return
      left = true
      leave()
    }
  }

  function wait(life: Lifetime): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        waiting.delete(enter)
        unlisten()
        resolve(once())
      }
      const unlisten = life.onOver((reason) => {
        waiting.delete(enter)
        reject(reason)
      })
      waiting.add(enter)
    })
  }

  return {
    get running() {
      return running
    },
    get queued() {
      return waiting.size
    },
    async enter(life) {
      if (life.over) throw life.over.reason
      if (running < concurrency) {
        running++
        return once()
      }
      if (waiting.size >= queue) throw new FullError(name)
      return wait(life)
    },
  }
}
