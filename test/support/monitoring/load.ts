import { setTimeout as sleep } from 'node:timers/promises'

/** Makes one call after the other, with a pause between them, until `stop`; says how many were answered. */
export function load(calls: readonly (() => Promise<unknown>)[], pauseMs: number) {
  let over = false
  let answered = 0
  const loop = (async () => {
    for (let turn = 0; !over; turn++) {
      const call = calls[turn % calls.length]
      // While the server is gone there is no answer; what the alerts say of that is what the test is about.
      await call?.().then(
        () => answered++,
        () => undefined,
      )
      await sleep(pauseMs)
    }
  })()
  return {
    answered: () => answered,
    async stop(): Promise<void> {
      over = true
      await loop
    },
  }
}
