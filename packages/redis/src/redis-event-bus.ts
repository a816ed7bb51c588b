import { randomBytes } from 'node:crypto'
import { setImmediate as immediate } from 'node:timers/promises'
import { coalesced } from './coalesced.js'
import type { RedisConnection } from './connect-redis.js'
import { eventReader } from './event-reader.js'
import type { ReadAnswer } from './event-scripts.js'
import { eventSender } from './event-sender.js'
import { type BusEvent, receivedOf, textOf } from './events.js'
import { linkState } from './link-state.js'
import { type Listener, listeners } from './listeners.js'
import { optionalFunction, requireInteger, requirePrefix, requireRedis } from './options.js'
import { RedisError } from './redis-error.js'
import { refetch } from './refetch.js'
import { tell } from './tell.js'

export interface RedisEventBusOptions {
  /** What the stream's name begins with: one for each server whose replicas share events. @default 'mcp:' */
  keyPrefix?: string
  /** Milliseconds in which equal events become one, besides the first. @default 100 */
  coalesceMs?: number
  /** Different events that wait while Redis is away; more are dropped. @default 1000 */
  maxPending?: number
  /** About how many entries the stream keeps for those who lost their connection. @default 1000 */
  maxHistory?: number
  /** The resources that subscribers here watch; after a gap they are told of each, 10000 at most. @default the last 1000 told of */
  subscribedUris?: () => Iterable<string>
  /** Called when events of other processes stop to come, with the reason, and when they come again: for the log. */
  onChange?: (away: boolean, reason?: string) => unknown
  /** Called when subscribers are told to fetch all anew, with the reason: for the log. */
  onGap?: (reason: string) => unknown
  /** Called with what a listener has thrown: for the log. */
  onError?: (error: unknown) => unknown
}

export interface EventBusState {
  /** Whether events come and go. */
  connected: boolean
  /** Since when they do not, in Unix milliseconds. */
  since?: number
  /** Events that wait for Redis. */
  pending: number
  /** Events that Redis has taken so far. Only grows, like the next four. */
  published: number
  /** Events of other processes. */
  received: number
  /** Events that the others were not told of, for they could not be held or cannot be sent. */
  dropped: number
  /** What was found in Redis and is no event. */
  ignored: number
  /** How often subscribers were told to fetch all anew. */
  gaps: number
}

/** Fits `ServerEventBus` of the SDK's server. */
export interface RedisEventBus {
  /** Tells this process at once and the others soon. Never throws, never waits. */
  publish(event: BusEvent): void
  subscribe(listener: Listener): () => void
  state(): EventBusState
  /** @throws RedisError while events stay in this process: for a check with `critical: false`. */
  check(): Promise<void>
  /** Sends what waits, within a second, and hears no more; for the end, before the connection is closed. */
  close(): Promise<void>
}

const MAX_KEYS = 1_000

/**
 * Carries events between all processes that use the same Redis and prefix, through a stream: after a lost connection
 * they go on where they were, and notice what has gone missing. Then subscribers are told that everything has changed.
 *
 * @throws TypeError `ERR_REDIS_OPTION` for a wrong option.
 */
export function redisEventBus(
  redis: Pick<RedisConnection, 'use' | 'duplicate'>,
  options: RedisEventBusOptions = {},
): RedisEventBus {
  const { keyPrefix = 'mcp:', coalesceMs = 100, maxPending = 1_000, maxHistory = 1_000 } = options
  const { subscribedUris, onChange, onGap, onError = () => {} } = options
  requireOptions(redis, { ...options, keyPrefix, coalesceMs, maxPending, maxHistory })
  const report = (error: unknown) => tell(() => onError(error))
  const local = listeners(report)
  const gate = coalesced(coalesceMs, MAX_KEYS, local.tell)
  const counts = { received: 0, ignored: 0, unsendable: 0, gaps: 0 }
  const link = linkState((away, reason) => onChange && tell(() => onChange(away, reason)))
  const key = `${keyPrefix}events`
  const origin = randomBytes(16).toString('base64url')
  const all = refetch({
    subscribedUris,
    report,
    pass: hear,
    onStart(reason) {
      counts.gaps++
      if (onGap) tell(() => onGap(reason))
    },
  })
  const onAttempt = (side: 'reader' | 'sender') => (reason?: string) => link.set(side, reason)
  const sender = eventSender(redis, {
    ...{ key, origin, coalesceMs, maxPending, maxHistory },
    onAttempt: onAttempt('sender'),
  })
  const reader = eventReader(redis, {
    ...{ key, coalesceMs, onEntries },
    onAttempt: onAttempt('reader'),
    onGap: (reason) => local.size > 0 && all.start(reason),
  })

  /** @returns it as text, if it can be sent */
  function hear(event: BusEvent): string | undefined {
    const text = textOf(event)
    if (text === undefined) local.tell(event)
    else gate.add(text, event)
    return text
  }

  async function onEntries(entries: ReadAnswer['entries']): Promise<void> {
    for (const entry of entries) {
      if (entry.origin === origin) continue
      const { events, lost, ignored } = receivedOf(entry.text)
      counts.received += events.length
      counts.ignored += ignored
      for (const event of events) {
        all.note(event)
        hear(event)
      }
      if (lost) all.start('another process could not hold its events')
      // Requests come first.
      await immediate()
    }
  }

  return {
    publish(event) {
      const text = hear(event)
      if (text === undefined) {
        counts.unsendable++
        return
      }
      all.note(event)
      sender.add(text)
    },
    subscribe: local.add,
    state() {
      const { unsendable, ...others } = counts
      const sent = sender.state()
      return { ...link.state(), ...sent, dropped: sent.dropped + unsendable, ...others }
    },
    async check() {
      await link.known
      const reason = link.reason()
      if (reason !== undefined) throw new RedisError(`events are not shared: ${reason}`)
    },
    async close() {
      link.end()
      await Promise.all([sender.close(), reader.close()])
      all.end()
      gate.end()
    },
  }
}

function requireOptions(redis: unknown, options: RedisEventBusOptions): void {
  const { keyPrefix, coalesceMs, maxPending, maxHistory } = options
  requireRedis(redis, ['use', 'duplicate'])
  requirePrefix('keyPrefix', keyPrefix)
  requireInteger('coalesceMs', coalesceMs, [1, 10_000], 'milliseconds')
  requireInteger('maxPending', maxPending, [1, 100_000], 'events')
  requireInteger('maxHistory', maxHistory, [100, 100_000], 'entries')
  for (const option of ['subscribedUris', 'onChange', 'onGap', 'onError'] as const) {
    optionalFunction(option, options[option])
  }
}
