export const LATE = Symbol('late')

/** What came in its time, or `LATE`; what comes after is dropped. Rejects as the promise does, if it does in time. */
export function inTime<T>(promise: Promise<T>, timeoutMs: number): Promise<T | typeof LATE> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      // Where this process was busy all the while, the answer waits to be read: it is, before an immediate runs.
      setImmediate(() => resolve(LATE))
    }, timeoutMs)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
