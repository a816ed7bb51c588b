import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisConnection } from './connect-redis.js'
import { nextEntry, type ReadAnswer, readEntries } from './event-scripts.js'
import { retryAfterMs } from './event-sender.js'
import { messageOf } from './redis-error.js'

export interface ReaderOptions {
  key: string
  coalesceMs: number
  /** Told of entries in their order; the next ones are read when it has resolved. */
  onEntries(entries: ReadAnswer['entries']): Promise<void>
  /** Told that events may have been missed, and why. */
  onGap(reason: string): void
  /** Told of each attempt, with the reason when it has failed. */
  onAttempt(reason?: string): void
}

/** Milliseconds that a read waits for an event; a connection that is dead is noticed after these and a command's time. */
export const BLOCK_MS = 2_000

/** Reads the stream on a connection of its own, from where it was when that is lost and back. */
export function eventReader(redis: Pick<RedisConnection, 'duplicate'>, options: ReaderOptions) {
  const { key, coalesceMs, onEntries, onGap, onAttempt } = options
  const connection = redis.duplicate({ blockMs: BLOCK_MS })
  const startedAt = performance.now()
  const stop = new AbortController()
  let id = ''
  let run = ''
  let failed = false

  function gapOf(answer: ReadAnswer): string | undefined {
    if (id === '') return 'it was not connected yet'
    if (!answer.whole) return 'what came next is gone'
    if (answer.run !== run) return 'another Redis answers, or it was started anew'
    return answer.run === '' && failed ? 'Redis does not say whether it is the same' : undefined
  }

  async function turn(): Promise<void> {
    const answer = await connection.use((client) =>
      readEntries(client, key, id, Math.ceil(performance.now() - startedAt)),
    )
    const gap = gapOf(answer)
    id = answer.id
    run = answer.run
    failed = false
    onAttempt()
    await onEntries(answer.entries)
    if (gap !== undefined) onGap(gap)
    if (answer.entries.length > 0) await sleep(coalesceMs, undefined, { signal: stop.signal })
    else await connection.use((client) => nextEntry(client, key, id, BLOCK_MS))
  }

  async function read(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await turn()
      } catch (error) {
        if (stop.signal.aborted) return
        failed = true
        onAttempt(messageOf(error))
        await sleep(retryAfterMs(), undefined, { signal: stop.signal }).catch(() => {})
      }
    }
  }

  void read()
  return {
    async close(): Promise<void> {
      stop.abort()
      await connection.close()
    },
  }
}
