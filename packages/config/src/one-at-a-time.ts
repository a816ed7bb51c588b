/**
 * Runs `work`, which must not reject, one at a time. Who asks while it runs gets a run that begins afterwards, the same
 * one for all of them: what hangs is waited for by one run at the most.
 */
export function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined

  return function run(): Promise<void> {
    if (running) {
      next ??= running.then(() => {
        next = undefined
        return run()
      })
      return next
    }
    running = work().finally(() => {
      running = undefined
    })
    return running
  }
}
