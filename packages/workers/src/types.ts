import type { AskOptions, Handler } from './channel.js'
import type { Logger } from './logger.js'

export interface WorkersOptions {
  /** Processes that serve. */
  count: number
  /** Further flags of Node for each of them, before those of this process. @default [] */
  execArgv?: readonly string[]
  /** Further environment variables for each of them; undefined takes one away. @default {} */
  env?: NodeJS.ProcessEnv
  /** Told what becomes of workers, each with its number. @default none */
  logger?: Logger
  /** Milliseconds from `stop()` until a worker that is still there is killed. @default 30000 */
  stopTimeoutMs?: number
  /** Milliseconds until a worker that died is replaced; twice as long each time it dies soon again, less up to half at random. @default 200 */
  backoffMs?: number
  /** The longest of these waits, in milliseconds. @default 30000 */
  maxBackoffMs?: number
  /** Called when a worker has ended, for whatever reason. What it throws is ignored. */
  onDeath?: (death: WorkerDeath) => unknown
}

/** A worker at this moment. */
export interface WorkerInfo {
  /** From 1 to `count`; whoever replaces it has the same. */
  id: number
  /** Of this process alone: never used again. */
  generation: number
  pid: number | undefined
  ready: boolean
  /** What it gave to `ready()`. */
  details: Record<string, unknown>
}

export interface WorkerDeath extends WorkerInfo {
  code: number | null
  signal: NodeJS.Signals | null
}

/** What a worker said: `error` when it did not. */
export type Answer =
  | { worker: WorkerInfo; payload: unknown; error?: undefined }
  | { worker: WorkerInfo; payload?: undefined; error: Error }

export interface Workers {
  readonly count: number
  /** How many are ready. */
  readonly ready: number
  /** How many were started in the place of one that died. Only grows. */
  readonly restarts: number
  /** Those that there are now. */
  list(): WorkerInfo[]
  /**
   * Resolves when the first worker is ready, with what it says of itself. Rejects with WorkersError `ERR_WORKERS_START`, and the
   * worker's exit code, when one ends before any was ready: the others are stopped, and nothing is tried again.
   */
  readonly started: Promise<WorkerInfo>
  /** Answers what workers ask. @throws TypeError `ERR_WORKERS_OPTION` for a wrong topic or handler. */
  onAsk(topic: string, handler: Handler<WorkerInfo>): void
  /** Asks the worker with this number. Rejects with WorkersError, with `ERR_WORKERS_GONE` where none is ready. */
  ask(id: number, topic: string, payload?: unknown, options?: AskOptions): Promise<unknown>
  /** Asks every worker that is ready, at once; those that do not answer in time have an error. Never rejects. */
  askAll(topic: string, payload?: unknown, options?: AskOptions): Promise<Answer[]>
  /** Sends a signal to every worker that is ready: one that still loads might die of it. */
  signal(signal: NodeJS.Signals): void
  /**
   * Sends SIGTERM to all of them and waits until they have ended. Rejects with WorkersError `ERR_WORKERS_STOP` when one ended
   * with a code other than 0 or had to be killed. Further calls join the first.
   */
  stop(): Promise<void>
}
