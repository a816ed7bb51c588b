import { type Log, textOf } from './logger.js'
import { callable, milliseconds, refuse } from './options.js'
import { withTimeout } from './wait.js'

/** Stop when `signal` aborts: the time is over and nobody waits any more. */
export type Hook = (signal: AbortSignal) => unknown

export interface HookOptions {
  /** Milliseconds until the hook counts as failed and the next one runs. @default 5000 */
  timeoutMs?: number
}

/** Hooks that run one after the other, the last registered first. */
export function hookList(kind: 'onDrained' | 'onClose', log: Log) {
  const waiting: { name: string; run: Hook; timeoutMs: number }[] = []
  let running: { name: string; since: number } | undefined

  async function runHook(name: string, run: Hook, timeoutMs: number): Promise<boolean> {
    const time = new AbortController()
    const since = performance.now()
    running = { name, since }
    try {
      const result = Promise.resolve(time.signal).then(run)
      await withTimeout(result, timeoutMs)
      log('debug', `shutdown: ${kind} hook done`, { hook: name, tookMs: msSince(since) })
      return true
    } catch (error) {
      log('error', `shutdown: ${kind} hook failed`, { hook: name, error: textOf(error) })
      time.abort(error)
      return false
    }
  }

  return {
    add(name: string, run: Hook, options: HookOptions = {}): void {
      const { timeoutMs = 5_000 } = options
      if (typeof name !== 'string' || name === '')
        refuse(`the name of an ${kind} hook must be a text`)
      callable(`${kind} hook "${name}"`, run)
      milliseconds(`timeoutMs of ${kind} hook "${name}"`, timeoutMs, 1)
      waiting.push({ name, run, timeoutMs })
    },
    /** Resolves with whether all of them succeeded; never rejects. */
    async runAll(): Promise<boolean> {
      let ok = true
      for (let hook = waiting.pop(); hook; hook = waiting.pop()) {
        if (!(await runHook(hook.name, hook.run, hook.timeoutMs))) ok = false
      }
      running = undefined
      return ok
    },
    /** Those not finished yet, the running one first. */
    pending(): { name: string; runningMs?: number }[] {
      const next = waiting.map(({ name }) => ({ name })).reverse()
      return running ? [{ name: running.name, runningMs: msSince(running.since) }, ...next] : next
    },
  }
}

function msSince(at: number): number {
  return Math.round(performance.now() - at)
}
