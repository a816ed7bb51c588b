import { inTime, LATE } from './in-time.js'
import { messageOf } from './redis-error.js'

export interface CircuitOptions {
  /** Tries what failed. It has succeeded when it resolves within `timeoutMs`. */
  probe(): Promise<unknown>
  timeoutMs: number
  onChange(away: boolean, reason?: string): void
}

export interface Circuit {
  /** Why it is open and since when, in Unix milliseconds; undefined while it is closed. */
  readonly opened: { since: number; reason: string } | undefined
  open(reason: string): void
  /** Opens it if a probe fails now. */
  test(): Promise<void>
  /** Ends the search. */
  end(): void
}

const PROBE_MS = 250
const JITTER_MS = 500
/** What fails again so soon must answer more often before it is trusted. */
const SOON_MS = 10_000
const MOST_PROBES = 16

/**
 * Open from the first failure until a probe succeeds. There is one probe at a time, at random moments, so neither the
 * requests of this process nor those of all replicas come back to Redis at once and find it slow again.
 */
export function circuit({ probe, timeoutMs, onChange }: CircuitOptions): Circuit {
  let opened: Circuit['opened']
  let closedAt = Number.NEGATIVE_INFINITY
  /** Probes that must succeed in a row. */
  let needed = 1
  let succeeded = 0
  let timer: NodeJS.Timeout | undefined
  let isEnded = false

  function schedule(): void {
    if (isEnded) return
    timer = setTimeout(tryAgain, PROBE_MS + Math.random() * JITTER_MS)
    timer.unref()
  }

  async function tryAgain(): Promise<void> {
    const answer = probe()
    succeeded = (await failureOf(answer, timeoutMs)) === undefined ? succeeded + 1 : 0
    if (succeeded >= needed) {
      opened = undefined
      closedAt = performance.now()
      onChange(false)
      return
    }
    // Not another one beside it, however long it takes.
    await answer.catch(() => {})
    schedule()
  }

  function open(reason: string): void {
    if (opened) return
    opened = { since: Date.now(), reason }
    needed = performance.now() - closedAt < SOON_MS ? Math.min(2 * needed, MOST_PROBES) : 1
    succeeded = 0
    schedule()
    onChange(true, reason)
  }

  return {
    get opened() {
      return opened
    },
    open,
    async test() {
      const reason = opened ? undefined : await failureOf(probe(), timeoutMs)
      if (reason !== undefined) open(reason)
    },
    end() {
      isEnded = true
      clearTimeout(timer)
    },
  }
}

async function failureOf(answer: Promise<unknown>, timeoutMs: number): Promise<string | undefined> {
  try {
    return (await inTime(answer, timeoutMs)) === LATE ? lateBy(timeoutMs) : undefined
  } catch (error) {
    return messageOf(error)
  }
}

export function lateBy(timeoutMs: number): string {
  return `no answer within ${timeoutMs} ms`
}
