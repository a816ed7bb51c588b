import cluster from 'node:cluster'
import { type AskOptions, channel, type Handler, handlers } from './channel.js'
import { tell } from './logger.js'
import { requireOption } from './options.js'

/** How a worker learns which one it is. */
export const ENV = { id: 'MCP_WORKER_ID', count: 'MCP_WORKER_COUNT' } as const

/** A worker's way to its primary. */
export interface WorkerLink {
  /** Which of them this is, from 1. */
  readonly id: number
  /** How many there are. */
  readonly count: number
  /** Tells the primary that this worker serves, and what it should know of it. */
  ready(details?: Record<string, unknown>): void
  /** Asks the primary. Rejects with WorkersError. */
  ask(topic: string, payload?: unknown, options?: AskOptions): Promise<unknown>
  /** Answers what the primary asks. @throws TypeError `ERR_WORKERS_OPTION` for a wrong topic or handler. */
  onAsk(topic: string, handler: Handler<'primary'>): void
  /**
   * Called when the primary is gone, which held the ports: drain and end. Without a listener the process ends at once, with 1.
   * What it throws is ignored.
   */
  onOrphaned(listener: () => unknown): void
}

let link: WorkerLink | undefined

/** The link of this worker; undefined in any process that `startWorkers` has not started. */
export function workerLink(): WorkerLink | undefined {
  const id = Number(process.env[ENV.id])
  const count = Number(process.env[ENV.count])
  if (!cluster.isWorker || !(id >= 1) || !(count >= 1)) return undefined
  link ??= createLink(id, count)
  return link
}

function createLink(id: number, count: number): WorkerLink {
  const asked = handlers<'primary'>()
  const peer = {
    connected: () => process.connected,
    send: (message: object, sent: (error: Error | null) => void) =>
      process.send?.(message, undefined, undefined, sent),
  }
  const talk = channel(peer, (topic, payload) => asked.answer(topic, payload, 'primary'))
  let orphaned: (() => unknown) | undefined
  process.on('message', talk.receive)
  // Before the listener of node:cluster, which ends the process at once, and the calls in flight with it.
  cluster.worker?.once('disconnect', () => {
    talk.end()
    const { worker } = cluster
    if (!orphaned) process.exit(1)
    if (worker) worker.exitedAfterDisconnect = true
    tell(orphaned)
  })

  return {
    id,
    count,
    ready(details = {}) {
      talk.tell('ready', details)
    },
    ask: talk.ask,
    onAsk: asked.add,
    onOrphaned(listener) {
      requireOption(typeof listener === 'function', 'onOrphaned', 'a function', listener)
      orphaned = listener
      if (!process.connected) tell(listener)
    },
  }
}
