/** Why nobody waits for a call any more. */
export type Ending = 'timeout' | 'cancelled' | 'shutdown'

/** What a call came to: its value, or the reason it was given up and the time it had. */
export type Outcome<T> = { ended?: undefined; value: T } | { ended: Ending; timeoutMs: number }

/**
 * Lets many short calls listen to one long-lived signal through a single listener: `AbortSignal.any` keeps
 * something of each call on the long-lived side, and would warn of a leak besides.
 */
export function fanOut(signal: AbortSignal | undefined): Set<() => void> {
  const listeners = new Set<() => void>()
  signal?.addEventListener(
    'abort',
    () => {
      for (const listener of listeners) listener()
    },
    { once: true },
  )
  return listeners
}

export interface Limits {
  /** At 0 the work is not begun. */
  timeoutMs: number
  /** The request's own signal: the client disconnected or cancelled. */
  request: AbortSignal
  /** Listeners called when the process must stop now. */
  shutdown: Set<() => void>
  /** Whether that moment has passed already. */
  shuttingDown: boolean
}

/**
 * Runs work that must end: at the deadline, at the caller's disconnect and at the shutdown's end its signal aborts
 * and the wait is over, whether the work listens or not. Work that was begun and still goes on is handed to `onGivenUp`,
 * which must look after its rejection; what it yields never reaches the caller. `isOver` says whether the call has ended.
 */
export async function withinLimits<T>(
  work: (controller: AbortController, isOver: () => boolean) => T | Promise<T>,
  limits: Limits,
  onGivenUp: (working: Promise<unknown>) => void,
): Promise<Outcome<T>> {
  const { timeoutMs, request, shutdown, shuttingDown } = limits
  const controller = new AbortController()
  let give: (outcome: Outcome<T>) => void = () => {}
  const givenUp = new Promise<Outcome<T>>((resolve) => {
    give = resolve
  })
  let over = false
  let working: Promise<Outcome<T>> | undefined
  const end = (ended: Ending) => {
    if (over) return
    over = true
    if (working) onGivenUp(working)
    controller.abort(new DOMException(`The tool call ended: ${ended}`, 'AbortError'))
    give({ ended, timeoutMs })
  }
  const onCancel = () => end('cancelled')
  const onShutdown = () => end('shutdown')
  const timer = setTimeout(end, timeoutMs, 'timeout')
  request.addEventListener('abort', onCancel, { once: true })
  shutdown.add(onShutdown)
  if (request.aborted) onCancel()
  else if (shuttingDown) onShutdown()
  else if (timeoutMs <= 0) end('timeout')
  try {
    if (over) return await givenUp
    working = (async () => ({ value: await work(controller, () => over) }))()
    // It was ended by what the work itself did, before there was anything to hand over.
    if (over) onGivenUp(working)
    return await Promise.race([working, givenUp])
  } finally {
    over = true
    clearTimeout(timer)
    request.removeEventListener('abort', onCancel)
    shutdown.delete(onShutdown)
  }
}
