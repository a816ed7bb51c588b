import { optionError } from './errors.js'
import { milliseconds, wholeNumber } from './options.js'
import type { Principal, ToolContext } from './types.js'
import { execArgvFor, sourceOf } from './worker-file.js'
import { workerPool } from './worker-pool.js'
import { startThread } from './worker-thread.js'

export interface InWorkerOptions {
  /** Threads at most, those that are ending included. @default 2 */
  maxThreads?: number
  /** Calls that may wait for a thread; further ones are refused at once. @default 64 */
  maxQueue?: number
  /** Megabytes of JavaScript heap of a thread, which is ended when it needs more; buffers are not in it. @default 256 */
  maxHeapMb?: number
  /** Milliseconds until a thread without a call is ended. @default 60000 */
  idleMs?: number
}

/** What a tool is given in a thread: only what can be copied there. Services, the logger and progress cannot. */
export interface WorkerContext {
  /** The authenticated caller; undefined over stdio. */
  principal: Principal | undefined
}

/** The function `run` of a worker file. Its input and what it returns are copied (structured clone). */
export type WorkerFunction = (input: never, context: WorkerContext) => unknown

type InputOf<Run> = Run extends (input: infer Input, context: WorkerContext) => unknown
  ? Input
  : never

/** A tool's `run` whose work happens in threads. */
export interface InWorker<Run extends WorkerFunction> {
  (input: InputOf<Run>, context: ToolContext): Promise<Awaited<ReturnType<Run>>>
  /** Ends idle threads now and the others as their calls end; settles when they are gone. A later call starts new ones. */
  close(): Promise<void>
}

/**
 * Runs a tool's work in threads of its own, so that what it computes does not keep every other request waiting. When a call ends
 * early its thread is terminated, whatever it does. `Run` is the type of the file's function:
 * `inWorker<typeof run>(new URL('./primes.worker.js', import.meta.url))`.
 *
 * Where the `.js` file does not exist but the `.ts` file beside it does, that is run with tsx, as in development and tests.
 *
 * @param file a module that exports the function `run`.
 * @throws TypeError `ERR_TOOLS_OPTION` for a file that is not there, or a number that is none.
 */
export function inWorker<
  Run extends WorkerFunction = (input: unknown, context: WorkerContext) => never,
>(file: URL, options: InWorkerOptions = {}): InWorker<Run> {
  const { maxThreads = 2, maxQueue = 64, maxHeapMb = 256, idleMs = 60_000 } = options
  if (!(file instanceof URL && file.protocol === 'file:')) {
    optionError(
      `inWorker needs the URL of a file, as new URL('./x.worker.js', import.meta.url), got ${String(file)}`,
    )
  }
  wholeNumber('maxThreads', maxThreads, 'threads', 1)
  wholeNumber('maxQueue', maxQueue, 'calls')
  wholeNumber('maxHeapMb', maxHeapMb, 'megabytes', 16)
  milliseconds('idleMs', idleMs, 0)
  const entry = sourceOf(new URL('./worker-entry.js', import.meta.url))
  const source = sourceOf(file)
  const execArgv = execArgvFor([source, entry])
  const pool = workerPool(() => startThread({ entry, file: source, execArgv, maxHeapMb }), {
    maxThreads,
    maxQueue,
    idleMs,
  })

  async function runInWorker(input: unknown, { principal, signal, log }: ToolContext) {
    return pool.run({ message: { input, context: { principal } }, signal, log })
  }
  return Object.assign(runInWorker, { close: pool.close }) as InWorker<Run>
}
