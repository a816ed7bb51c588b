/** How many calls may be under way at once, and how fast they may begin, by how long the event loop makes everybody wait. */
export interface BegunCalls {
  /** Milliseconds until one more may begin; 0: now; undefined: when one has ended. */
  waitMs(now: number): number | undefined
  /** A request of so many calls begins. Gives what is called at its end. */
  begin(now: number, calls: number): () => void
  /** Whether calls wait. Only meanwhile it looks at the event loop. */
  crowded(isCrowded: boolean): void
}

/** Milliseconds between two looks at the event loop. */
const TICK_MS = 10
/** A turn of the event loop above this is taken for the work of too many calls. */
const LONG_MS = 30
/** What is left of the window then. */
const SHRINK = 0.7
/** So many ticks in time are an idle processor. */
const IDLE_TICKS = 20
/** So many always. */
const FEWEST = 8
/** Without a crowd for so long, the bound is forgotten. */
const CALM_MS = 1000
/** A call that has been under way for so long waits for something else, and holds up nobody. */
const LONG_CALL_MS = 1000

/**
 * What TCP does on a network that it cannot see into (RFC 5681): a window of calls under way, which shrinks when the event loop
 * comes late and grows while it comes in time, and which begins its calls evenly over the time that one takes. Without it the work
 * of many calls that wait for something comes back at once, and one turn is as long as all of it.
 *
 * @param onRoom called when there may be room although no call has ended.
 */
export function begunCalls(onRoom = () => {}): BegunCalls {
  // In the order in which they began.
  const requests = new Set<{ at: number; calls: number }>()
  let under = 0
  let window = Number.POSITIVE_INFINITY
  let usualMs = 0
  let nextAt = 0
  let lastTick = 0
  let shrunkAt = 0
  let inTime = 0
  let calmSince = 0
  let timer: NodeJS.Timeout | undefined

  function look(): void {
    const now = performance.now()
    const lateMs = now - lastTick - TICK_MS
    lastTick = now
    if (lateMs > LONG_MS) {
      // What was begun before the window shrank is still under way: once is enough until that has ended.
      if (now - shrunkAt >= usualMs) {
        shrunkAt = now
        window = Math.max(FEWEST, Math.min(window, under) * SHRINK)
      }
    } else if (lateMs < TICK_MS && under >= Math.floor(window)) {
      // A processor that stays idle is not kept busy by these calls.
      window += inTime > IDLE_TICKS ? window / 10 : 1
    }
    inTime = lateMs < TICK_MS ? inTime + 1 : 0
    onRoom()
  }

  function end(request: { at: number; calls: number }): void {
    if (requests.delete(request)) under -= request.calls
  }

  return {
    waitMs(now) {
      if (window === Number.POSITIVE_INFINITY) return 0
      for (const request of requests) {
        if (now - request.at < LONG_CALL_MS) break
        end(request)
      }
      if (under >= window) return undefined
      return Math.max(0, nextAt - now)
    },
    begin(now, calls) {
      const request = { at: now, calls }
      requests.add(request)
      under += calls
      // What a late timer missed is made up for, within bounds.
      const each = Math.min((usualMs / window) * calls, TICK_MS)
      nextAt = Math.max(nextAt, now - 2 * each) + each
      return () => {
        end(request)
        const tookMs = Math.min(performance.now() - now, LONG_CALL_MS)
        usualMs += (tookMs - usualMs) * 0.1
      }
    },
    crowded(isCrowded) {
      const now = performance.now()
      if (isCrowded && !timer) {
        if (now - calmSince > CALM_MS) window = Number.POSITIVE_INFINITY
        lastTick = now
        timer = setInterval(look, TICK_MS).unref()
      } else if (!isCrowded && timer) {
        clearInterval(timer)
        timer = undefined
        calmSince = now
      }
    },
  }
}
