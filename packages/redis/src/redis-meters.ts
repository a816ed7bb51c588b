import { circuit, lateBy } from './circuit.js'
import type { RedisConnection } from './connect-redis.js'
import { inTime, LATE } from './in-time.js'
import { localShare } from './local-share.js'
import type { Charge, Meters, Verdict } from './meters.js'
import { optionalFunction, requireInteger, requirePrefix, requireRedis } from './options.js'
import { messageOf, RedisError } from './redis-error.js'
import { sharedStore } from './shared-store.js'
import { tell } from './tell.js'

export interface RedisMetersOptions {
  /** Judges while Redis is away, such as `memoryMeters` of `@mcp-prod/ratelimit`; required unless `share` is 0. */
  fallback?: Meters
  /** The part of each limit that holds in this process meanwhile, above 0; at 0 everything is refused. @default 0.5 */
  share?: number
  /**
   * Milliseconds that a request waits for Redis, 50 at most; then it is judged here. Those in which this process is busy
   * itself are not Redis's. @default 50
   */
  timeoutMs?: number
  /** How many requests may wait for Redis; more are judged here. @default 1000 */
  maxPending?: number
  /** What the names of all keys begin with. @default 'mcp:limit:' */
  keyPrefix?: string
  /** Called when Redis counts as away, with the reason, and when it is back: for the log. */
  onChange?: (away: boolean, reason?: string) => unknown
}

export interface MetersState {
  /** Whether requests are judged without Redis. */
  away: boolean
  /** Since when, in Unix milliseconds. */
  since?: number
  /** Requests judged without Redis so far, those above `maxPending` too. Only grows, like the next two. */
  local: number
  /** Requests for which Redis was too slow. */
  timeouts: number
  /** Requests for which it failed. */
  errors: number
}

export interface RedisMeters extends Meters {
  /** Other processes charge the same meters. */
  readonly shared: true
  state(): MetersState
  /** Tries Redis. @throws RedisError while limits are not shared: for a check with `critical: false`. */
  check(): Promise<void>
  /** Looks for Redis no more; for the end, before the connection is closed. */
  close(): void
}

/**
 * Meters that all processes share which use the same Redis: the generic cell rate algorithm in one script, by the
 * clock of Redis, in one round trip a request. After the first failure requests are judged here at once, without
 * waiting, until a probe finds Redis again.
 *
 * @throws TypeError `ERR_REDIS_OPTION` for a wrong option.
 */
export function redisMeters(
  redis: Pick<RedisConnection, 'kind' | 'use'>,
  options: RedisMetersOptions,
): RedisMeters {
  const { fallback, share = 0.5, timeoutMs = 50, maxPending = 1_000 } = options
  const { keyPrefix = 'mcp:limit:', onChange } = options
  requireOptions(redis, { timeoutMs, maxPending, keyPrefix, onChange })
  const local = localShare(fallback, share)
  const store = sharedStore(redis, keyPrefix)
  /** Whose keys could not be charged: other nodes of a Cluster may be well. */
  let suspects: readonly string[] = ['']
  const link = circuit({
    probe: () => store.probe(suspects),
    timeoutMs,
    onChange: (away, reason) => onChange && tell(() => onChange(away, reason)),
  })
  const counts = { local: 0, timeouts: 0, errors: 0 }
  let pending = 0

  function judgeHere(charges: readonly Charge[], first?: Charge) {
    counts.local++
    return local(charges, first)
  }

  async function judgeThere(charges: readonly Charge[], first?: Charge): Promise<Verdict> {
    pending++
    const answer = store.charge(charges, first).finally(() => pending--)
    let reason = lateBy(timeoutMs)
    try {
      const verdict = await inTime(answer, timeoutMs)
      if (verdict !== LATE) return verdict
      counts.timeouts++
    } catch (error) {
      counts.errors++
      reason = messageOf(error)
    }
    if (!link.opened) suspects = [first, charges[0]].flatMap((charge) => charge?.key ?? [])
    link.open(reason)
    return judgeHere(charges, first)
  }

  return {
    shared: true,
    charge(charges, first) {
      const isHere = link.opened !== undefined || pending >= maxPending
      return isHere ? judgeHere(charges, first) : judgeThere(charges, first)
    },
    state() {
      const { since } = link.opened ?? {}
      return { away: since !== undefined, ...(since !== undefined && { since }), ...counts }
    },
    async check() {
      // A connection that is being opened is no answer that is late.
      await redis.use(async () => {}).catch(() => {})
      await link.test()
      if (link.opened) throw new RedisError(`limits are not shared: ${link.opened.reason}`)
    },
    close: link.end,
  }
}

function requireOptions(redis: unknown, options: RedisMetersOptions): void {
  const { timeoutMs, maxPending, keyPrefix, onChange } = options
  requireRedis(redis, ['use'])
  requireInteger('timeoutMs', timeoutMs, [1, 50], 'milliseconds')
  requireInteger('maxPending', maxPending, [1, 100_000], 'requests')
  requirePrefix('keyPrefix', keyPrefix)
  optionalFunction('onChange', onChange)
}
