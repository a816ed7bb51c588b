import { inform } from './inform.js'
import type { Logger } from './types.js'

/** Milliseconds that work may go on after its call has ended, before it counts as abandoned. */
export const ABANDONED_AFTER_MS = 1000

/** So many principals at least it takes to use up the runs that may be abandoned. */
const PRINCIPALS = 4

/** A run that outlived its call: begun to count, or at last at an end. */
export interface AbandonedEvent {
  /** The `label` of the tool, resource or prompt: a tool's own name. */
  tool: string
  /** False when the run begins to count as abandoned, true when it settles after all. */
  ended: boolean
}

export interface Abandoned {
  /** Whether so many runs still go on, of all callers or of this one, that no further one may begin. */
  isFull(principal: string | undefined): boolean
  /** Looks after the work of a call that has ended; what it yields is dropped. */
  watch(work: Promise<unknown>, startedAt: number, principal: string | undefined): void
}

/** Counts the runs of one tool that nobody waits for any more and that have not ended, such as those that ignore their signal. */
export function abandonedRuns(
  tool: string,
  maxAbandoned: number,
  logger: Logger,
  onAbandoned: (event: AbandonedEvent) => unknown,
): Abandoned {
  let running = 0
  // With tiny budgets one caller could otherwise close a tool for all.
  const most = Math.ceil(maxAbandoned / PRINCIPALS)
  const runningOf = new Map<string, number>()

  function count(step: 1 | -1, principal: string | undefined): void {
    running += step
    if (principal === undefined) return
    const left = (runningOf.get(principal) ?? 0) + step
    if (left > 0) runningOf.set(principal, left)
    else runningOf.delete(principal)
  }

  function tell(ended: boolean, principal: string | undefined): void {
    count(ended ? -1 : 1, principal)
    inform(
      () => onAbandoned({ tool, ended }),
      (error) => logger.warn('onAbandoned failed', { error }),
    )
  }

  function watch(work: Promise<unknown>, startedAt: number, principal: string | undefined): void {
    let counted = false
    const ranMs = () => Math.round(performance.now() - startedAt)
    const timer = setTimeout(() => {
      counted = true
      tell(false, principal)
      logger.warn('tool still runs though its call has ended', { ranMs: ranMs(), running })
    }, ABANDONED_AFTER_MS).unref()
    function settle(): void {
      clearTimeout(timer)
      if (!counted) return
      tell(true, principal)
      logger.info('abandoned tool run ended', { ranMs: ranMs(), running })
    }
    work.then(settle, (error) => {
      settle()
      logger.debug('tool failed after it was given up', { error })
    })
  }

  function isFull(principal: string | undefined): boolean {
    const own = principal === undefined ? 0 : (runningOf.get(principal) ?? 0)
    return running >= maxAbandoned || own >= most
  }

  return { isFull, watch }
}
