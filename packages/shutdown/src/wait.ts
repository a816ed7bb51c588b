import { setImmediate, setTimeout as sleep } from 'node:timers/promises'

const STEP_MS = 20
/** How long a reader of stdout or stderr may take nothing at all before the rest is given up. */
const STALLED_MS = 2000

/**
 * Looks every 20 ms whether `done`, for at most `timeoutMs`; resolves with what it saw last. It looks right after the
 * event loop has read from the sockets, so that what has arrived is known before something is closed.
 */
export async function until(done: () => boolean, timeoutMs: number): Promise<boolean> {
  const endsAt = performance.now() + timeoutMs
  for (;;) {
    await setImmediate()
    if (done()) return true
    const leftMs = endsAt - performance.now()
    if (leftMs <= 0) return false
    await sleep(Math.min(STEP_MS, leftMs))
  }
}

/** Waits until stdout and stderr have taken all lines: on a pipe process.exit() would lose those still queued. */
export async function flushOutput(): Promise<void> {
  await sleep(0) // Loggers hand their last lines on in a later turn.
  const waiting = () =>
    [process.stdout, process.stderr].reduce(
      (sum, stream) => sum + (stream.destroyed ? 0 : stream.writableLength),
      0,
    )
  for (let left = waiting(); left > 0; left = waiting()) {
    const before = left
    if (!(await until(() => waiting() < before, STALLED_MS))) return
  }
}

/**
 * The outcome of `work`, or a rejection when it takes longer than `timeoutMs`. Work that fails after that is no
 * unhandled rejection.
 */
export async function withTimeout<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}
