import type { Server } from 'node:net'
import { setImmediate } from 'node:timers/promises'

/** How long connections may keep coming before the listening sockets close all the same. */
const LONGEST_MS = 1_000
/** In a longer turn of the event loop there was work, and time for somebody to come. */
const SHORT_TURN_MS = 0.5
/** After so many turns in which none came it is over, however long they were. */
const MOST_TURNS = 4

/**
 * Resolves right after a short turn of the event loop in which no connection came: one that waits in the kernel when its
 * listening socket closes is reset, and Node takes only one from there a turn.
 */
export async function takeWaiting(servers: Server[], taken: () => number): Promise<void> {
  for (const server of servers) shorten(server)
  const endsAt = performance.now() + LONGEST_MS
  let none = 0
  for (let now = performance.now(); now < endsAt && none < MOST_TURNS; ) {
    const [before, since] = [taken(), now]
    await setImmediate()
    now = performance.now()
    none = taken() === before ? none + 1 : 0
    if (none > 0 && now - since < SHORT_TURN_MS) return
  }
}

/**
 * From now on the kernel keeps two connections waiting and lets the others try again, which ends in a refusal when the
 * socket is closed. Without it, under a load of new connections, the queue is never empty. Node has no public way to say
 * so; where the private one is missing there are more resets and nothing else changes.
 */
function shorten(server: Server): void {
  const { _handle: handle } = server as {
    _handle?: { listen?: (backlog: number) => number } | null
  }
  if (server.listening) handle?.listen?.(1)
}
