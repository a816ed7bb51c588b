import type { WorkerInfo } from './types.js'

/** The first worker that is ready, or the failure of one before. */
export function firstReady() {
  let isOver = false
  let settle = { resolve(_worker: WorkerInfo) {}, reject(_error: Error) {} }
  const promise = new Promise<WorkerInfo>((resolve, reject) => {
    settle = { resolve, reject }
  })
  // Whoever does not ask for it learns of it from the log.
  promise.catch(() => {})
  return {
    promise,
    isOver: () => isOver,
    resolve(worker: WorkerInfo) {
      isOver = true
      settle.resolve(worker)
    },
    reject: (error: Error) => settle.reject(error),
  }
}
