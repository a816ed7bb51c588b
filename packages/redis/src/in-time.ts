export const LATE = Symbol('late')

const SLICES = 5

/**
 * What came in its time, or `LATE`; what comes after is dropped. Rejects as the promise does, if it does in time.
 *
 * The time is waited in slices, between which answers are read: while this process is busy itself nobody else is slow,
 * so that counts as one slice however long it is.
 */
export function inTime<T>(promise: Promise<T>, timeoutMs: number): Promise<T | typeof LATE> {
  return new Promise((resolve, reject) => {
    const sliceMs = Math.ceil(timeoutMs / SLICES)
    let timer: NodeJS.Timeout
    function wait(leftMs: number): void {
      timer = setTimeout(
        () => {
          if (leftMs > sliceMs) wait(leftMs - sliceMs)
          // What has arrived is read before an immediate runs.
          else setImmediate(() => resolve(LATE))
        },
        Math.min(sliceMs, leftMs),
      )
    }
    wait(timeoutMs)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
