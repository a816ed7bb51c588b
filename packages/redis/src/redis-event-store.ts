import type { RedisConnection } from './connect-redis.js'
import type { RedisClient } from './create-client.js'
import { inTime, LATE } from './in-time.js'
import { hashOf } from './key-names.js'
import { requireInteger, requirePrefix, requireRedis } from './options.js'
import { RedisError } from './redis-error.js'
import { type Sealing, sealing } from './sealing.js'
import { OVERHEAD_BYTES, storeScripts } from './store-scripts.js'

export interface RedisEventStoreOptions {
  /** What the names of all keys begin with. @default 'mcp:session:' */
  keyPrefix?: string
  /** Most events of one session; the oldest go first. @default 256 */
  maxEventsPerSession?: number
  /** Most bytes of one session. @default 1048576 (1 MiB) */
  maxBytesPerSession?: number
  /** Most bytes of all sessions with this prefix; that without an event for longest goes first. @default 67108864 (64 MiB) */
  maxBytes?: number
  /** Milliseconds that an event is kept. @default 300000 (5 minutes) */
  maxAgeMs?: number
  /** Milliseconds that Redis has for an answer, 2000 at most. @default 1500 */
  timeoutMs?: number
  /** Keys of 32 bytes or more each: the first encrypts, all decrypt. @default none, which leaves messages readable in Redis */
  encryptionKeys?: readonly (string | Uint8Array)[]
}

export interface RedisStoredEvent {
  seq: number
  /** The message as JSON text. */
  data: string
}

/** Fits `EventStore` of `@mcp-prod/sessions`. */
export interface RedisEventStore {
  /** @throws RedisError when it is not kept; who does not look at the promise is not told. */
  append(session: string, stream: number, event: RedisStoredEvent): Promise<void>
  /** @throws RedisError when Redis is away or too slow. */
  read(session: string, stream: number, after: number): Promise<RedisStoredEvent[]>
  /** @throws RedisError as `append` does. */
  drop(session: string): Promise<void>
  /** Of all sessions with this prefix, as Redis last told this process; and what was found there and is no event. */
  state(): { events: number; bytes: number; ignored: number }
}

/** What may be on its way to Redis at a time, or a Redis that hangs would fill this process. */
const MAX_PENDING_BYTES = 16 * 1024 * 1024

/**
 * Keeps the events of sessions in Redis, bounded in number, bytes and time. Each call is one round trip.
 *
 * @throws TypeError `ERR_REDIS_OPTION` for a wrong option.
 */
export function redisEventStore(
  redis: Pick<RedisConnection, 'use'>,
  options: RedisEventStoreOptions = {},
): RedisEventStore {
  const { keyPrefix = 'mcp:session:', maxAgeMs = 300_000, timeoutMs = 1_500 } = options
  const { maxEventsPerSession = 256, maxBytesPerSession = 1_048_576 } = options
  const { maxBytes = 64 * 1_048_576, encryptionKeys } = options
  const limits = { maxEventsPerSession, maxBytesPerSession, maxBytes, maxAgeMs }
  requireOptions(redis, { ...limits, keyPrefix, timeoutMs })
  const box = encryptionKeys === undefined ? undefined : sealing(encryptionKeys)
  const size = { events: 0, bytes: 0 }
  let pendingBytes = 0
  let ignored = 0
  // In one slot of a Cluster, for their sizes are added up.
  const prefix = `${keyPrefix}{events}:`
  const keysOf = (session: string) => [prefix + session, `${prefix}index`, `${prefix}sizes`]

  async function ask(bytes: number, work: (client: RedisClient) => Promise<unknown>) {
    if (pendingBytes + bytes > MAX_PENDING_BYTES)
      throw new RedisError(`${pendingBytes} bytes of events wait for Redis already`)
    pendingBytes += bytes
    const answer = redis.use(work).finally(() => {
      pendingBytes -= bytes
    })
    const outcome = await inTime(answer, timeoutMs)
    if (outcome === LATE) throw new RedisError(`no answer within ${timeoutMs} ms`)
    return outcome
  }

  async function change(bytes: number, work: (client: RedisClient) => Promise<unknown>) {
    const [events = 0, held = 0] = (await ask(bytes, work)) as number[]
    size.events = events
    size.bytes = held
  }

  async function append(session: string, stream: number, { seq, data }: RedisStoredEvent) {
    const sealed = box ? box.seal(data, session, `${stream} ${seq}`) : data
    const value = `${stream} ${seq} ${sealed}`
    const bytes = Buffer.byteLength(value)
    // It would push out everything else and not stay itself.
    if (bytes + 2 * OVERHEAD_BYTES > Math.min(maxBytesPerSession, maxBytes))
      throw new RedisError(`an event of ${bytes} bytes is more than a session may have`)
    const name = hashOf(session)
    const words = [name, prefix, value, maxEventsPerSession, maxBytesPerSession, maxBytes, maxAgeMs]
    await change(bytes, (client) => storeScripts.append(client, keysOf(name), words))
  }

  return {
    append: (session, stream, event) => unheard(append(session, stream, event)),
    async read(session, stream, after) {
      const words = [stream, after, maxEventsPerSession, maxBytesPerSession, maxAgeMs]
      const [key = ''] = keysOf(hashOf(session))
      const found = (await ask(0, (client) => storeScripts.read(client, [key], words))) as string[]
      const events = eventsOf(found, box, session, stream)
      ignored += found.length / 2 - events.length
      return events
    },
    drop(session) {
      const name = hashOf(session)
      const dropped = (client: RedisClient) =>
        storeScripts.drop(client, keysOf(name), [name, prefix])
      return unheard(change(0, dropped))
    },
    state: () => ({ ...size, ignored }),
  }
}

/** What failed is told to whoever looks, and ends no process of one who does not. */
function unheard(outcome: Promise<void>): Promise<void> {
  outcome.catch(() => {})
  return outcome
}

function eventsOf(
  found: readonly string[],
  box: Sealing | undefined,
  session: string,
  stream: number,
): RedisStoredEvent[] {
  const events: RedisStoredEvent[] = []
  for (let i = 0; i < found.length; i += 2) {
    const seq = Number(found[i])
    const kept = found[i + 1] ?? ''
    const data = box ? box.open(kept, session, `${stream} ${seq}`) : kept
    if (data !== undefined && Number.isSafeInteger(seq) && isMessage(data))
      events.push({ seq, data })
  }
  return events
}

/** Line ends would let whoever writes to Redis end the event in the stream and begin another. */
function isMessage(data: string): boolean {
  if (/[\r\n]/.test(data)) return false
  try {
    const message: unknown = JSON.parse(data)
    return typeof message === 'object' && message !== null
  } catch {
    return false
  }
}

function requireOptions(redis: unknown, options: RedisEventStoreOptions): void {
  const { keyPrefix, timeoutMs, maxAgeMs } = options
  requireRedis(redis, ['use'])
  requirePrefix('keyPrefix', keyPrefix)
  requireInteger('maxEventsPerSession', options.maxEventsPerSession, [1, 100_000], 'events')
  requireInteger('maxBytesPerSession', options.maxBytesPerSession, [1_024, 2 ** 30], 'bytes')
  requireInteger('maxBytes', options.maxBytes, [1_024, 2 ** 40], 'bytes')
  requireInteger('maxAgeMs', maxAgeMs, [1, 86_400_000], 'milliseconds')
  requireInteger('timeoutMs', timeoutMs, [1, 2_000], 'milliseconds')
}
