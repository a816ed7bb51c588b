import { Worker } from 'node:worker_threads'
import { guarded, type Logger } from './logger.js'
import { hasMethods, requireFunction, requireMilliseconds, requireOption } from './options.js'
import { BEATS, type Blocked, DEBUGGED, type WatchData } from './watch-data.js'

export interface WatchEventLoopOptions {
  /** Is told after a block how long it lasted and where. During the block a line goes to stderr. */
  logger: Logger
  /** Milliseconds without a turn of the event loop that are reported; at least 50. @default 1000 */
  blockedMs?: number
  /** Milliseconds after which the process is ended with SIGKILL, above `blockedMs`; 0: never. @default 60000 */
  killAfterMs?: number
  /** Called after a block: for a metric. @default none */
  onBlocked?: (blocked: { durationMs: number }) => void
  /** Written to each line on stderr as `service`, as the logger writes it to its own. @default none */
  service?: string
  /** Written to each line on stderr as `version`. @default none */
  version?: string
}

/**
 * Watches from a thread of its own whether the event loop turns: code that never comes back cannot report itself. A block is
 * reported while it lasts, as a JSON line on stderr with the stack of the main thread where that runs JavaScript.
 * Time in which the whole process stood still (stopped, suspended, throttled) does not count. Rests while the inspector listens.
 *
 * @returns a function that ends the watch.
 * @throws TypeError `ERR_RECOVERY_OPTION` for a wrong option.
 */
export function watchEventLoop(options: WatchEventLoopOptions): () => Promise<void> {
  const { logger, blockedMs = 1_000, killAfterMs = 60_000, onBlocked = () => {} } = options
  const { service, version } = options
  const isLogger = hasMethods(logger, 'warn', 'error')
  requireOption(isLogger, 'logger', 'a logger with warn() and error()', logger)
  requireMilliseconds('blockedMs', blockedMs, 50)
  if (killAfterMs !== 0) requireMilliseconds('killAfterMs, unless 0,', killAfterMs, blockedMs + 1)
  requireFunction('onBlocked', onBlocked)
  requireText('service', service)
  requireText('version', version)

  const tickMs = blockedMs / 10
  const cells = new Int32Array(new SharedArrayBuffer(8))
  const heart = setInterval(beat, tickMs).unref()
  let stopped: Promise<void> | undefined

  function beat(): void {
    Atomics.store(cells, DEBUGGED, inspectorListens() ? 1 : 0)
    Atomics.add(cells, BEATS, 1)
  }

  function told({ durationMs, stack }: Blocked): void {
    guarded(() => logger.warn('event loop was blocked', { durationMs, stack }))
    guarded(() => onBlocked({ durationMs }))
  }

  function lost(error: unknown): void {
    clearInterval(heart)
    if (!stopped) guarded(() => logger.error('event loop is no longer watched', { error }))
  }

  beat()
  const data = { cells, tickMs, blockedMs, killAfterMs, service, version }
  const worker = startWorker(data, told, lost)

  return function stopWatchingEventLoop() {
    clearInterval(heart)
    stopped ??= Promise.resolve(worker?.terminate()).then(() => {})
    return stopped
  }
}

/** A watch that cannot be kept is told; it must not take the server with it. */
function startWorker(
  workerData: WatchData,
  told: (blocked: Blocked) => void,
  lost: (error: unknown) => void,
): Worker | undefined {
  try {
    const worker = new Worker(new URL('./event-loop-worker.js', import.meta.url), {
      workerData,
      name: 'event-loop-watch',
      // Neither loaders nor `NODE_OPTIONS`: what is preloaded there would start a second time. Nor any secret.
      execArgv: [],
      env: {},
      // Not through the main thread's streams.
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
    })
    let reason: unknown
    worker.on('message', told)
    worker.on('error', (error) => {
      reason = error
    })
    worker.on('exit', (exitCode) => lost(reason ?? new Error(`its thread ended with ${exitCode}`)))
    worker.unref()
    return worker
  } catch (error) {
    lost(error)
    return undefined
  }
}

/** Not imported, since a Node built without the inspector refuses that. */
function inspectorListens(): boolean {
  if (!process.features.inspector) return false
  return process.getBuiltinModule('node:inspector').url() !== undefined
}

function requireText(option: string, value: unknown): void {
  const holds = value === undefined || (typeof value === 'string' && value.length <= 200)
  requireOption(holds, option, 'a text of at most 200 characters', value)
}
