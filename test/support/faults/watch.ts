import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, ask } from './ask.js'
import type { FaultServer } from './server.js'

/** What the platform saw of a server for as long as it was watched. */
export interface Seen {
  /** How often each probe was asked. */
  times: number
  /** Statuses of /health, where anything but 200 has the platform restart the server; 0 is no answer. */
  health: number[]
  /** Statuses of /ready, where anything but 200 has it send no traffic. */
  ready: number[]
  slowestMs: number
}

/** Asks both probes as a platform does, ten times a second, until `stop`. */
export function watch({ adminUrl }: Pick<FaultServer, 'adminUrl'>) {
  const health = new Set<number>()
  const ready = new Set<number>()
  let times = 0
  let slowestMs = 0
  let over = false

  async function probe(path: string, statuses: Set<number>) {
    // A platform that waits for longer has given the server up.
    const answer = await ask(adminUrl + path, { timeoutMs: 10_000 }).catch(
      (): Pick<Answer, 'status' | 'ms'> => ({ status: 0, ms: 0 }),
    )
    statuses.add(answer.status)
    slowestMs = Math.max(slowestMs, answer.ms)
  }

  const loop = (async () => {
    while (!over) {
      await Promise.all([probe('/health', health), probe('/ready', ready)])
      times++
      await sleep(100)
    }
  })()

  return async function stop(): Promise<Seen> {
    over = true
    await loop
    return { times, health: [...health], ready: [...ready], slowestMs }
  }
}
