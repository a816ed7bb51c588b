import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const STDERR = 2
const GIVE_UP_MS = 1_000
const RETRY_MS = 20

/**
 * stderr once more, in a mode that never blocks: a reader that has gone to sleep must not stop the thread that has to end
 * the process. Not everywhere possible: macOS has no /proc, a socket cannot be opened, another user's pipe may not. A file
 * needs none, and opened once more it would have an end of its own, where other lines then overwrite these.
 */
const nonBlocking = openNonBlocking()

function openNonBlocking(): number | undefined {
  const { O_WRONLY, O_APPEND, O_NONBLOCK, O_NOCTTY } = constants
  try {
    // `bigint`, for after a plain fstat of a pipe `require` no longer follows links (nodejs/node#51142).
    if (fstatSync(STDERR, { bigint: true }).isFile()) return undefined
    return openSync(`/proc/self/fd/${STDERR}`, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY)
  } catch {
    return undefined
  }
}

/** Writes to stderr without the main thread. Gives up after a second: then nobody reads it. */
export async function writeToStderr(text: string): Promise<void> {
  let rest = Buffer.from(text)
  const giveUpAtMs = performance.now() + GIVE_UP_MS
  while (rest.length > 0 && performance.now() < giveUpAtMs) {
    const written =
      nonBlocking === undefined ? await writeInPool(rest) : writeNow(nonBlocking, rest)
    rest = rest.subarray(written)
    if (written === 0) await sleep(RETRY_MS)
  }
}

function writeNow(fd: number, bytes: Buffer): number {
  try {
    return writeSync(fd, bytes)
  } catch {
    // EAGAIN: full. EPIPE: its reader is gone.
    return 0
  }
}

let waiting = false

/** One at a time: each that blocks holds a thread of the pool that files and look-ups of names need too. */
function writeInPool(bytes: Buffer): number | Promise<number> {
  if (waiting) return 0
  waiting = true
  const written = new Promise<number>((resolve) => {
    write(STDERR, bytes, (_error, count = 0) => {
      waiting = false
      resolve(count)
    })
  })
  return Promise.race([written, sleep(GIVE_UP_MS, 0)])
}
