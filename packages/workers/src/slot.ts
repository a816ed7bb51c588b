import cluster, { type Worker } from 'node:cluster'
import { backoff } from './backoff.js'
import { type Channel, channel } from './channel.js'
import { returnUnaccepted } from './handover.js'
import type { WorkerDeath, WorkerInfo } from './types.js'
import { ENV } from './worker-link.js'

export interface SlotOptions {
  id: number
  count: number
  env: NodeJS.ProcessEnv
  backoffMs: number
  maxBackoffMs: number
  answer(topic: string, payload: unknown, from: WorkerInfo): unknown
  onReady(worker: WorkerInfo): void
  onDeath(death: WorkerDeath, next: 'never' | number): void
  /** Whether one that died is to be replaced. */
  goesOn(): boolean
}

export interface Slot {
  info(): WorkerInfo | undefined
  channel(): Channel | undefined
  kill(signal: NodeJS.Signals): void
  /** Begins no worker any more. */
  close(): void
}

interface Running {
  worker: Worker
  talk: Channel
  info: WorkerInfo
  readyAt: number
}

/** The place of one worker: a process in it, or a wait for the next one. */
export function slot(options: SlotOptions, onStart: () => void): Slot {
  const { id, count, env, answer, onReady, onDeath, goesOn } = options
  const wait = backoff(options)
  let running: Running | undefined
  let timer: NodeJS.Timeout | undefined

  function start(): void {
    const worker = cluster.fork({ ...env, [ENV.id]: String(id), [ENV.count]: String(count) })
    returnUnaccepted(worker)
    const info: WorkerInfo = {
      id,
      generation: worker.id,
      pid: worker.process.pid,
      ready: false,
      details: {},
    }
    const peer = {
      connected: () => worker.isConnected(),
      send: (message: object, sent: (error: Error | null) => void) => worker.send(message, sent),
    }
    const talk = channel(peer, (topic, payload) => answer(topic, payload, { ...info }))
    const current = { worker, talk, info, readyAt: Number.POSITIVE_INFINITY }
    running = current
    talk.onTold('ready', (details) => {
      if (info.ready) return
      current.readyAt = performance.now()
      Object.assign(info, { ready: true, details: details ?? {} })
      onReady({ ...info })
    })
    worker.on('message', talk.receive)
    worker.on('exit', (code, signal) => ended(current, code, signal as NodeJS.Signals | null))
    // A process that could not be started at all has no exit; one that takes no message has one soon.
    worker.on('error', () => worker.process.pid === undefined && ended(current, 1, null))
  }

  function ended(current: Running, code: number | null, signal: NodeJS.Signals | null): void {
    if (running !== current) return
    running = undefined
    const { talk, info, readyAt } = current
    talk.end()
    const death = { ...info, code: signal ? null : code, signal: signal || null }
    const waitMs = goesOn() ? wait(performance.now() - readyAt) : undefined
    if (waitMs !== undefined) {
      timer = setTimeout(() => {
        onStart()
        start()
      }, waitMs)
    }
    onDeath(death, waitMs ?? 'never')
  }

  start()
  return {
    info: () => running && { ...running.info },
    channel: () => running?.talk,
    kill: (signal) => running?.worker.process.kill(signal),
    close: () => clearTimeout(timer),
  }
}
