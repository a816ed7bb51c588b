import type { Logger } from './types.js'

/** Milliseconds that work may go on after its call has ended, before it counts as abandoned. */
export const ABANDONED_AFTER_MS = 1000

/** A run that outlived its call: begun to count, or at last at an end. */
export interface AbandonedEvent {
  tool: string
  /** False when the run begins to count as abandoned, true when it settles after all. */
  ended: boolean
}

export interface Abandoned {
  /** Whether so many runs still go on that no further one may begin. */
  isFull(): boolean
  /** Looks after the work of a call that has ended; what it yields is dropped. */
  watch(work: Promise<unknown>, startedAt: number): void
}

/** Counts the runs of one tool that nobody waits for any more and that have not ended, such as those that ignore their signal. */
export function abandonedRuns(
  tool: string,
  maxAbandoned: number,
  logger: Logger,
  onAbandoned: (event: AbandonedEvent) => void,
): Abandoned {
  let running = 0

  function tell(ended: boolean): void {
    running += ended ? -1 : 1
    try {
      onAbandoned({ tool, ended })
    } catch (error) {
      // Who only watches must not decide what is counted.
      logger.warn('onAbandoned failed', { error })
    }
  }

  function watch(work: Promise<unknown>, startedAt: number): void {
    let counted = false
    const ranMs = () => Math.round(performance.now() - startedAt)
    const timer = setTimeout(() => {
      counted = true
      tell(false)
      logger.warn('tool still runs though its call has ended', { ranMs: ranMs(), running })
    }, ABANDONED_AFTER_MS).unref()
    function settle(): void {
      clearTimeout(timer)
      if (!counted) return
      tell(true)
      logger.info('abandoned tool run ended', { ranMs: ranMs(), running })
    }
    work.then(settle, (error) => {
      settle()
      logger.debug('tool failed after it was given up', { error })
    })
  }

  return { isFull: () => running >= maxAbandoned, watch }
}
