import type { RedisConnection } from './connect-redis.js'
import { addEntries } from './event-scripts.js'
import { entriesOf, LOST } from './events.js'
import { inTime } from './in-time.js'
import { messageOf } from './redis-error.js'

export interface SenderOptions {
  key: string
  /** Of this process: what it has sent itself is not for it. */
  origin: string
  coalesceMs: number
  maxPending: number
  maxHistory: number
  /** Told of each attempt, with the reason when it has failed. */
  onAttempt(reason?: string): void
}

export interface EventSender {
  /** Sends this soon, once however often it comes until then. */
  add(text: string): void
  state(): { pending: number; published: number; dropped: number }
  /** Sends what waits, if Redis takes it in time. */
  close(): Promise<void>
}

/** At most 256 KB at a time. */
const MAX_ENTRIES = 16
const CLOSE_MS = 1_000

/**
 * Writes events to Redis, one batch at a time. While Redis is away they wait, as many as may; when more came they are
 * not told one by one: the others learn that something was lost.
 */
export function eventSender(redis: Pick<RedisConnection, 'use'>, options: SenderOptions) {
  const { key, origin, coalesceMs, maxPending, maxHistory, onAttempt } = options
  let waiting = new Set<string>()
  let sending = 0
  let lost = false
  let notBefore = 0
  let timer: NodeJS.Timeout | undefined
  let attempt: Promise<void> | undefined
  let isClosed = false
  const counts = { published: 0, dropped: 0 }

  function schedule(): void {
    if (timer || attempt || isClosed || (waiting.size === 0 && !lost)) return
    const dueMs = Math.max(0, notBefore - performance.now())
    timer = setTimeout(() => {
      timer = undefined
      start()
    }, dueMs)
    timer.unref()
  }

  function start(): Promise<void> {
    attempt = send().then((delayMs) => {
      attempt = undefined
      notBefore = performance.now() + delayMs
      schedule()
    })
    return attempt
  }

  /** @returns the milliseconds to wait until the next one */
  async function send(): Promise<number> {
    const tellLoss = lost ? [LOST] : []
    const { entries, count } = entriesOf([...tellLoss, ...waiting], MAX_ENTRIES)
    const texts = [...waiting].slice(0, count - tellLoss.length)
    for (const text of texts) waiting.delete(text)
    sending = texts.length
    lost = false
    try {
      await redis.use((client) => addEntries(client, key, { origin, maxHistory }, entries))
      counts.published += texts.length
      onAttempt()
      return coalesceMs
    } catch (error) {
      // Perhaps it was done all the same: an event that comes twice does no harm.
      waiting = new Set([...texts, ...waiting])
      lost ||= tellLoss.length > 0
      onAttempt(messageOf(error))
      return retryAfterMs()
    } finally {
      sending = 0
    }
  }

  return {
    add(text) {
      if (waiting.has(text)) return
      if (isClosed || waiting.size + sending >= maxPending) {
        counts.dropped++
        lost = true
      } else waiting.add(text)
      schedule()
    },
    state: () => ({ pending: waiting.size + sending, ...counts }),
    async close() {
      clearTimeout(timer)
      isClosed = true
      await inTime(finish(), CLOSE_MS)
      counts.dropped += waiting.size + sending
      waiting.clear()
      lost = false
    },
  } satisfies EventSender

  async function finish(): Promise<void> {
    await attempt
    for (let tries = 0; (waiting.size > 0 || lost) && tries < 2; tries++) await start()
  }
}

/** At random moments, so that replicas do not come back to Redis all at once. */
export function retryAfterMs(): number {
  return 250 + Math.random() * 500
}
