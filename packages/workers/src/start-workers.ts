import cluster from 'node:cluster'
import { constants } from 'node:os'
import { handlers } from './channel.js'
import { endAll, isOrderly } from './end-all.js'
import { WorkersError } from './errors.js'
import { firstReady } from './first-ready.js'
import { safeLog, tell } from './logger.js'
import { optionalFunction, requireMilliseconds, requireOption, requireWhole } from './options.js'
import { type Slot, slot } from './slot.js'
import type { Answer, WorkerDeath, WorkerInfo, Workers, WorkersOptions } from './types.js'

/**
 * Runs this program `count` times more, as workers that share its ports; call it in the process that was started, once. A
 * worker that dies is replaced. It handles no signals: call `stop()` from whoever does.
 *
 * @throws TypeError `ERR_WORKERS_OPTION` for a wrong option, or in a worker.
 */
export function startWorkers(options: WorkersOptions): Workers {
  const { count, execArgv = [], env = {}, logger, stopTimeoutMs = 30_000, onDeath } = options
  const { backoffMs = 200, maxBackoffMs = 30_000 } = options
  requireWhole('count', count, [1, 256], 'processes')
  requireOption(Array.isArray(execArgv), 'execArgv', 'a list of flags', execArgv)
  requireMilliseconds('stopTimeoutMs', stopTimeoutMs)
  requireMilliseconds('backoffMs', backoffMs)
  requireMilliseconds('maxBackoffMs', maxBackoffMs, backoffMs)
  optionalFunction('onDeath', onDeath)
  requireOption(cluster.isPrimary, 'startWorkers()', 'called in the primary', 'a worker')

  const log = safeLog(logger)
  const asked = handlers<WorkerInfo>()
  const start = firstReady()
  /** Ends that were not in order, after `stop()`. */
  const badEnds: string[] = []
  const waitingForEnd: (() => void)[] = []
  let restarts = 0
  let stopping: Promise<void> | undefined

  // Structured clones: JSON knows neither NaN nor an undefined.
  cluster.setupPrimary({ execArgv: [...process.execArgv, ...execArgv], serialization: 'advanced' })

  function ready(worker: WorkerInfo): void {
    log('info', 'worker ready', { worker: worker.id, workerPid: worker.pid })
    start.resolve(worker)
  }

  function died(death: WorkerDeath, next: 'never' | number): void {
    const { id, pid, code, signal } = death
    const fields = { worker: id, workerPid: pid, exitCode: code, signal }
    if (onDeath) tell(() => onDeath(death))
    if (stopping) {
      if (!isOrderly(death)) badEnds.push(`worker ${id} ended with ${signal ?? code}`)
      log('info', 'worker ended', fields)
    } else if (!start.isOver()) {
      failStart(death)
    } else {
      const inMs = next === 'never' ? undefined : Math.round(next)
      log('error', 'worker died, another takes its place', { ...fields, inMs })
    }
    if (alive().length === 0) for (const done of waitingForEnd.splice(0)) done()
  }

  function failStart({ id, code, signal }: WorkerDeath): void {
    const exitCode = signal ? 128 + constants.signals[signal] : code || 1
    const text = `worker ${id} ended with ${signal ?? code} before any worker was ready`
    log('error', 'workers do not start', { worker: id, exitCode: code, signal })
    start.reject(new WorkersError('ERR_WORKERS_START', text, exitCode))
    stop().catch(() => {})
  }

  const goesOn = () => !stopping && start.isOver()
  const slots: Slot[] = Array.from({ length: count }, (_, index) =>
    slot(
      {
        id: index + 1,
        ...{ count, env, backoffMs, maxBackoffMs, goesOn },
        answer: asked.answer,
        onReady: ready,
        onDeath: died,
      },
      () => restarts++,
    ),
  )
  const alive = () => slots.filter((slot) => slot.info() !== undefined)
  // Whoever does not wait for the end, as at a second signal, does not want it to go on elsewhere.
  process.once('exit', () => {
    for (const slot of alive()) slot.kill(stopping ? 'SIGKILL' : 'SIGTERM')
  })
  const readyOnes = () => alive().filter((slot) => slot.info()?.ready)

  function stop(): Promise<void> {
    stopping ??= endAll(slots, alive, stopTimeoutMs, (done) => waitingForEnd.push(done), log).then(
      () => {
        if (badEnds.length > 0) throw new WorkersError('ERR_WORKERS_STOP', badEnds.join('; '))
      },
    )
    return stopping
  }

  return {
    count,
    get ready() {
      return readyOnes().length
    },
    get restarts() {
      return restarts
    },
    list: () => slots.flatMap((slot) => slot.info() ?? []),
    started: start.promise,
    onAsk: asked.add,
    async ask(id, topic, payload, options) {
      const talk = readyOnes()
        .find((slot) => slot.info()?.id === id)
        ?.channel()
      if (!talk) throw new WorkersError('ERR_WORKERS_GONE', `worker ${id} is not ready`)
      return talk.ask(topic, payload, options)
    },
    askAll: (topic, payload, options) =>
      Promise.all(readyOnes().map((slot) => answerOf(slot, topic, payload, options))),
    signal(signal) {
      for (const slot of readyOnes()) slot.kill(signal)
    },
    stop,
  }
}

async function answerOf(
  slot: Slot,
  topic: string,
  payload: unknown,
  options: { timeoutMs?: number } | undefined,
): Promise<Answer> {
  const worker = slot.info() as WorkerInfo
  try {
    return { worker, payload: await slot.channel()?.ask(topic, payload, options) }
  } catch (error) {
    return { worker, error: error as Error }
  }
}
