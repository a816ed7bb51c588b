import type { EventStore, StoredEvent } from './event-store.js'
import { milliseconds, wholeNumber } from './options.js'

export interface MemoryEventStoreOptions {
  /** Most events of all sessions; the oldest go first. @default 100000 */
  maxEvents?: number
  /** Most bytes of all sessions. @default 67108864 (64 MiB) */
  maxBytes?: number
  /** Most events of one session. @default 256 */
  maxEventsPerSession?: number
  /** Most bytes of one session. @default 1048576 (1 MiB) */
  maxBytesPerSession?: number
  /** Milliseconds that an event is kept. @default 300000 (5 minutes) */
  maxAgeMs?: number
}

interface Kept extends StoredEvent {
  session: string
  stream: number
  bytes: number
  at: number
  gone: boolean
}

/** What an event costs besides its text, roughly. */
const OVERHEAD_BYTES = 200

/**
 * Keeps events in this process, bounded in number, bytes and time, of each session and of all. A character counts as two bytes,
 * which is what it takes at most.
 *
 * @throws TypeError `ERR_SESSIONS_OPTION`
 */
export function memoryEventStore(
  options: MemoryEventStoreOptions = {},
): EventStore & { state(): { events: number; bytes: number } } {
  const { maxEvents = 100_000, maxBytes = 64 * 1024 * 1024, maxAgeMs = 300_000 } = options
  const { maxEventsPerSession = 256, maxBytesPerSession = 1024 * 1024 } = options
  wholeNumber('maxEvents', maxEvents, 'events')
  wholeNumber('maxBytes', maxBytes, 'bytes')
  wholeNumber('maxEventsPerSession', maxEventsPerSession, 'events')
  wholeNumber('maxBytesPerSession', maxBytesPerSession, 'bytes')
  milliseconds('maxAgeMs', maxAgeMs)
  const all = shelf(maxEvents, maxBytes)
  const sessions = new Map<string, ReturnType<typeof shelf>>()
  let timer: NodeJS.Timeout | undefined

  function forget(event: Kept): void {
    if (event.gone) return
    event.gone = true
    event.data = ''
    all.release(event)
    const own = sessions.get(event.session)
    own?.release(event)
    if (own?.size.events === 0) sessions.delete(event.session)
  }

  function dropOld(): void {
    timer = undefined
    const before = performance.now() - maxAgeMs
    for (let event = all.oldest(); event && event.at <= before; event = all.oldest()) forget(event)
    wake()
  }

  function wake(): void {
    const oldest = all.oldest()
    if (timer || !oldest) return
    const dueMs = Math.max(1, oldest.at + maxAgeMs - performance.now())
    timer = setTimeout(dropOld, dueMs).unref()
  }

  return {
    append(session, stream, { seq, data }) {
      const bytes = 2 * data.length + OVERHEAD_BYTES
      // It would push out everything else and not stay itself.
      if (bytes > Math.min(maxBytes, maxBytesPerSession)) return
      const own = sessions.get(session) ?? shelf(maxEventsPerSession, maxBytesPerSession)
      sessions.set(session, own)
      const event = { session, stream, seq, data, bytes, at: performance.now(), gone: false }
      own.add(event)
      all.add(event)
      for (const each of [own, all]) while (each.isOver()) forget(each.oldest() ?? event)
      wake()
    },
    read(session, stream, after) {
      return [...(sessions.get(session)?.events() ?? [])]
        .filter((event) => !event.gone && event.stream === stream && event.seq > after)
        .map(({ seq, data }) => ({ seq, data }))
    },
    drop(session) {
      for (const event of sessions.get(session)?.events() ?? []) forget(event)
    },
    state: () => ({ ...all.size }),
  }
}

/** Events in their order. Those that are gone stay in the list until they come first, or are most of it. */
function shelf(maxEvents: number, maxBytes: number) {
  let list: Kept[] = []
  let head = 0
  const size = { events: 0, bytes: 0 }

  return {
    size,
    events: () => list.slice(head),
    add(event: Kept): void {
      list.push(event)
      size.events++
      size.bytes += event.bytes
    },
    release({ bytes }: Kept): void {
      size.events--
      size.bytes -= bytes
      if (list.length < 64 || list.length < 2 * size.events) return
      list = list.slice(head).filter((event) => !event.gone)
      head = 0
    },
    oldest(): Kept | undefined {
      while (list[head]?.gone) head++
      return list[head]
    },
    isOver: () => size.events > maxEvents || size.bytes > maxBytes,
  }
}
