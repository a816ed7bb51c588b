/**
 * Passes the first of equal things on at once, and of those that follow within the time the last one at its end. So a
 * storm becomes one in `windowMs`, and nothing that happens after the last one passed on goes untold.
 *
 * @param maxKeys how many different things are known at a time; more are passed on as they come
 */
export function coalesced<T>(windowMs: number, maxKeys: number, pass: (thing: T) => void) {
  let recent = new Set<string>()
  let again = new Map<string, T>()
  let timer: NodeJS.Timeout | undefined

  function turn(): void {
    const due = again
    again = new Map()
    recent = new Set(due.keys())
    timer = due.size > 0 ? setTimeout(turn, windowMs).unref() : undefined
    for (const thing of due.values()) pass(thing)
  }

  return {
    add(key: string, thing: T): void {
      if (recent.has(key)) {
        again.set(key, thing)
        return
      }
      if (recent.size < maxKeys) {
        recent.add(key)
        timer ??= setTimeout(turn, windowMs).unref()
      }
      pass(thing)
    },
    /** Passes on what waits. */
    end(): void {
      clearTimeout(timer)
      turn()
      clearTimeout(timer)
    },
  }
}
