/** Why nobody waits for a call any more. */
export type Ending = 'timeout' | 'cancelled' | 'shutdown'

/** What a call came to: its value, or the reason it was abandoned. */
export type Outcome<T> = { ended?: undefined; value: T } | { ended: Ending }

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
 * and the wait is over, whether the work listens or not. What it yields later goes to `onLate`, never to the caller.
 */
export async function withinLimits<T>(
  work: (controller: AbortController) => T | Promise<T>,
  limits: Limits,
  onLate: (error: unknown) => void,
): Promise<Outcome<T>> {
  const { timeoutMs, request, shutdown, shuttingDown } = limits
  const controller = new AbortController()
  let give: (outcome: Outcome<T>) => void = () => {}
  const abandoned = new Promise<Outcome<T>>((resolve) => {
    give = resolve
  })
  let over = false
  const end = (ended: Ending) => {
    if (over) return
    over = true
    controller.abort(new DOMException(`The tool call ended: ${ended}`, 'AbortError'))
    give({ ended })
  }
  const onCancel = () => end('cancelled')
  const onShutdown = () => end('shutdown')
  const timer = setTimeout(end, timeoutMs, 'timeout')
  request.addEventListener('abort', onCancel, { once: true })
  shutdown.add(onShutdown)
  if (request.aborted) onCancel()
  else if (shuttingDown) onShutdown()
  try {
    if (over) return await abandoned
    const working = (async () => ({ value: await work(controller) }))()
    working.catch((error) => {
      if (over) onLate(error)
    })
    return await Promise.race([working, abandoned])
  } finally {
    over = true
    clearTimeout(timer)
    request.removeEventListener('abort', onCancel)
    shutdown.delete(onShutdown)
  }
}
