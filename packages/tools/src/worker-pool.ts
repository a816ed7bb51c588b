import { AsyncResource } from 'node:async_hooks'
import { OverloadedError } from './errors.js'
import type { Thread, ThreadCall } from './worker-thread.js'

export interface PoolLimits {
  maxThreads: number
  maxQueue: number
  idleMs: number
}

interface Waiting {
  take: (thread: Thread) => void
  fail: (error: unknown) => void
}

/**
 * Runs calls in at most so many threads, which are started when needed. Ours because tinypool 2.2 and piscina 5.3
 * lose calls: one that waits behind a call that is aborted, and any on a thread that fails to load its file. Both let
 * go of a thread's place before it is gone, so that their number is not bounded when code blocks in the system.
 */
export function workerPool(start: () => Thread, { maxThreads, maxQueue, idleMs }: PoolLimits) {
  /** All that have not exited, those that are ending included. */
  const threads = new Set<Thread>()
  const idle: { thread: Thread; timer: NodeJS.Timeout }[] = []
  const waiting = new Set<Waiting>()
  const retiring = new WeakSet<Thread>()
  // Threads outlive the call that starts them, and must not keep its async context.
  const outside = new AsyncResource('McpToolWorkerPool')

  function startOne(): Thread {
    const thread = outside.runInAsyncScope(start)
    threads.add(thread)
    void thread.exited.then(() => {
      threads.delete(thread)
      forgetIdle(thread)
      serveWaiting()
    })
    return thread
  }

  function forgetIdle(thread: Thread): void {
    const index = idle.findIndex((entry) => entry.thread === thread)
    for (const { timer } of index < 0 ? [] : idle.splice(index, 1)) clearTimeout(timer)
  }

  /** A thread that is free now, or could be started. */
  function freeThread(): Thread | undefined {
    for (let entry = idle.pop(); entry; entry = idle.pop()) {
      clearTimeout(entry.timer)
      if (!entry.thread.ended) return entry.thread
    }
    return threads.size < maxThreads ? startOne() : undefined
  }

  function serveWaiting(): void {
    for (const next of waiting) {
      try {
        const thread = freeThread()
        if (!thread) return
        next.take(thread)
      } catch (error) {
        next.fail(error)
      }
    }
  }

  function release(thread: Thread): void {
    if (retiring.has(thread)) thread.end()
    if (!thread.ended) {
      const timer = outside.runInAsyncScope(setTimeout, undefined, () => thread.end(), idleMs)
      idle.push({ thread, timer: timer.unref() })
    }
    serveWaiting()
  }

  function waitForThread(signal: AbortSignal): Promise<Thread> {
    if (waiting.size >= maxQueue) {
      throw new OverloadedError('The tool is busy: too many calls of it wait; try again later')
    }
    return new Promise<Thread>((resolve, reject) => {
      function leave(): void {
        waiting.delete(entry)
        signal.removeEventListener('abort', onAbort)
      }
      function onAbort(): void {
        entry.fail(signal.reason)
      }
      const entry: Waiting = {
        take(thread) {
          leave()
          resolve(thread)
        },
        fail(error) {
          leave()
          reject(error)
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      waiting.add(entry)
    })
  }

  return {
    async run(call: ThreadCall): Promise<unknown> {
      call.signal.throwIfAborted()
      const thread = freeThread() ?? (await waitForThread(call.signal))
      try {
        return await thread.run(call)
      } finally {
        release(thread)
      }
    },
    /** Ends idle threads now and those in use after their call; settles when none that there was is left. */
    async close(): Promise<void> {
      const all = [...threads]
      for (const thread of all) retiring.add(thread)
      for (const { thread, timer } of idle.splice(0)) {
        clearTimeout(timer)
        thread.end()
      }
      await Promise.all(all.map((thread) => thread.exited))
    },
  }
}
