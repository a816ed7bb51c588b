import { setTimeout as sleep } from 'node:timers/promises'

// What each contestant's tools do, in its own words around it.
export const work = {
  echo: async (text) => text,
  fail: async () => {
    throw new Error('password=hunter2')
  },
  reject: async () => {
    setTimeout(() => Promise.reject(new Error('rejected on purpose')), 50)
    return 'planted'
  },
  slow: async () => {
    await sleep(2000)
    return 'finished'
  },
  hang: () => new Promise(() => {}),
}
