import { MessageChannel, Worker } from 'node:worker_threads'
import type { Logger } from './types.js'
import { errorOf, type Fault } from './worker-fault.js'

export interface ThreadCall {
  /** What is copied to the thread. */
  message: { input: unknown; context: object }
  signal: AbortSignal
  log: Logger
}

export interface ThreadSource {
  entry: URL
  file: URL
  execArgv: string[] | undefined
  maxHeapMb: number
}

/** A thread that runs one call at a time. */
export interface Thread {
  /**
   * Settles when the thread has answered or, after the call's signal made it end, when it is gone: until then its work
   * goes on, and its place is taken.
   */
  run(call: ThreadCall): Promise<unknown>
  end(): void
  /** Whether it takes no call any more. */
  readonly ended: boolean
  readonly exited: Promise<void>
}

interface Answering {
  resolve: (value: unknown) => void
  reject: (error: unknown) => void
}

/** Starts a thread. It holds the process up only while it runs a call. */
export function startThread({ entry, file, execArgv, maxHeapMb }: ThreadSource): Thread {
  const { port1: port, port2 } = new MessageChannel()
  const worker = new Worker(entry, {
    workerData: { file: file.href, port: port2 },
    transferList: [port2],
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
    ...(execArgv && { execArgv }),
  })
  worker.unref()
  let ending = false
  let failure: unknown
  let answering: Answering | undefined
  let log: Logger | undefined

  function end(): void {
    ending = true
    void worker.terminate()
  }
  port.on('message', (answer: { value: unknown } | Fault) => {
    // The answer of a call that has ended: what is dropped here must not become the next one's.
    if (ending) return
    if ('value' in answer) answering?.resolve(answer.value)
    else answering?.reject(errorOf(answer))
  })
  port.on('messageerror', (error) => {
    failure = error
    end()
  })
  // Listening has made it hold the process up.
  port.unref()
  worker.on('error', (error) => {
    failure = error
  })
  const exited = new Promise<void>((resolve) => {
    worker.once('exit', (exitCode) => {
      const wanted = ending
      ending = true
      port.close()
      if (answering) answering.reject(failure ?? exitedBeforeAnswer(file, exitCode))
      else if (!wanted) log?.warn('idle worker thread ended', { exitCode, error: failure })
      resolve()
    })
  })

  async function run({ message, signal, log: callLog }: ThreadCall): Promise<unknown> {
    signal.throwIfAborted()
    log = callLog
    function onAbort(): void {
      failure = signal.reason
      end()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    worker.ref()
    try {
      return await new Promise((resolve, reject) => {
        answering = { resolve, reject }
        port.postMessage(message)
      })
    } finally {
      answering = undefined
      worker.unref()
      signal.removeEventListener('abort', onAbort)
    }
  }

  return {
    run,
    end,
    get ended() {
      return ending
    },
    exited,
  }
}

function exitedBeforeAnswer(file: URL, exitCode: number): Error {
  return new Error(`the thread of ${file.href} exited with code ${exitCode} before it answered`)
}
