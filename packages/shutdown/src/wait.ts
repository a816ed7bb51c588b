import { setTimeout as sleep } from 'node:timers/promises'

const STEP_MS = 20
/** The most that is given to a reader of stdout or stderr who does not read. */
const FLUSH_MS = 500

/** Looks every 20 ms whether `done`, for at most `timeoutMs`; resolves with what it saw last. */
export async function until(done: () => boolean, timeoutMs: number): Promise<boolean> {
  const endsAt = performance.now() + timeoutMs
  for (;;) {
    if (done()) return true
    const leftMs = endsAt - performance.now()
    if (leftMs <= 0) return false
    await sleep(Math.min(STEP_MS, leftMs))
  }
}

/** Waits until stdout and stderr have taken all lines: on a pipe process.exit() would lose those still queued. */
export async function flushOutput(): Promise<void> {
  await sleep(0) // Loggers hand their last lines on in a later turn.
  const flushed = [process.stdout, process.stderr].map((stream) => {
    if (stream.writableLength === 0) return undefined
    return new Promise((resolve) => stream.once('error', resolve).write('', resolve))
  })
  await Promise.race([Promise.all(flushed), sleep(FLUSH_MS)])
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
