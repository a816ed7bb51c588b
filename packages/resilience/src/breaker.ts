import { EventEmitter } from 'node:events'
import CircuitBreaker from 'opossum'
import { OpenError } from './errors.js'

export type BreakerState = 'closed' | 'open' | 'half-open'

export interface BreakerOptions {
  /** Share of the calls of the window that must fail for the breaker to open. @default 0.5 */
  failureRate?: number
  /** Calls that the window must hold before it may open. @default 10 */
  minimumCalls?: number
  /** Milliseconds that a call is counted for. @default 10000 */
  windowMs?: number
  /** Milliseconds after which one call tries again. @default 10000 */
  openMs?: number
  /**
   * Whether an error speaks against the dependency. A caller's abort, and time that a caller cut short, never do.
   * @default every error but those that carry `transient: false`
   */
  isFailure?: (error: unknown) => boolean
  /**
   * Whether an error that is no failure shows that the dependency works, as an answer 429 does: it counts as a call that
   * succeeded, and closes the breaker when it ends the call that tries again.
   * @default none does
   */
  isSuccess?: (error: unknown) => boolean
}

/** What an error says of the dependency. */
export type Verdict = 'failure' | 'success' | 'nothing'

export interface Breaker {
  readonly state: BreakerState
  /** @throws OpenError at once while open, or while another call tries whether it may close. */
  run<T>(work: () => Promise<T>, verdictOf: (error: unknown) => Verdict): Promise<T>
  /** @throws OpenError while open. */
  check(): void
  close(): void
}

type Limits = Required<Omit<BreakerOptions, 'isFailure' | 'isSuccess'>>

const BUCKETS = 10
/** When another call is trying just now. */
const PROBE_RETRY_MS = 1000

/**
 * opossum counts and decides; what it is told are outcomes, each as it ends. Given the work itself it would count calls
 * still under way and those it refused as if they had succeeded, and it knows but success and failure: a probe that its
 * caller cancels would close the breaker, or else keep it open once more. Here that probe leaves room for the next.
 */
export function breaker(
  name: string,
  limits: Limits,
  onState: (state: BreakerState) => void,
): Breaker {
  const { failureRate, minimumCalls, windowMs, openMs } = limits
  const buckets = new EventEmitter()
  const circuit = new CircuitBreaker(settle, {
    timeout: false,
    resetTimeout: openMs,
    // opossum opens above the percentage, we at it.
    errorThresholdPercentage: failureRate * 100 - 1e-9,
    volumeThreshold: minimumCalls,
    rollingCountTimeout: windowMs,
    rollingCountBuckets: BUCKETS,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    rotateBucketController: buckets,
  })
  let state: BreakerState = 'closed'
  let turn = 0
  let probing = false
  let openUntil = 0
  let lastFailure: unknown
  let bucketEndsAt = performance.now() + windowMs / BUCKETS

  function enter(next: BreakerState): void {
    state = next
    turn++
    probing = false
    if (next === 'open') openUntil = performance.now() + openMs
    if (next === 'closed') {
      lastFailure = undefined
      // The failures that opened it say nothing about the dependency that came back.
      rotate(BUCKETS)
    }
    onState(next)
  }
  circuit.on('open', () => enter('open'))
  circuit.on('halfOpen', () => enter('half-open'))
  circuit.on('close', () => enter('closed'))

  function rotate(times: number): void {
    for (let i = 0; i < times; i++) buckets.emit('rotate')
  }

  /** Instead of a timer for each breaker; and by a clock that nobody can set back. */
  function rotateWhatIsOver(): void {
    const lateMs = performance.now() - bucketEndsAt
    if (lateMs < 0) return
    const steps = Math.floor(lateMs / (windowMs / BUCKETS)) + 1
    bucketEndsAt += steps * (windowMs / BUCKETS)
    rotate(Math.min(steps, BUCKETS))
  }

  async function note(failed: boolean): Promise<void> {
    rotateWhatIsOver()
    await circuit.fire(failed).catch(() => {})
  }

  function refuse(retryAfterMs: number): never {
    throw new OpenError(name, retryAfterMs, { cause: lastFailure })
  }

  function check(): void {
    if (state === 'open') refuse(Math.max(1, openUntil - performance.now()))
  }

  return {
    get state() {
      return state
    },
    check,
    async run(work, verdictOf) {
      check()
      if (state === 'half-open') {
        if (probing) refuse(PROBE_RETRY_MS)
        probing = true
      }
      const begun = turn
      try {
        const value = await work()
        // What began before the breaker changed its mind is no news.
        if (begun === turn) await note(false)
        return value
      } catch (error) {
        const verdict = begun === turn ? verdictOf(error) : 'nothing'
        if (verdict === 'failure') lastFailure = error
        if (verdict !== 'nothing') await note(verdict === 'failure')
        throw error
      } finally {
        if (begun === turn) probing = false
      }
    },
    close() {
      circuit.shutdown()
      turn++
      // Who shows states would show this one for ever.
      if (state !== 'closed') onState('closed')
      state = 'closed'
    },
  }
}

/** Throws and not rejects, so that opossum has counted it by the time `fire` returns. */
function settle(failed: boolean): Promise<void> {
  if (failed) throw new Error('failed')
  return Promise.resolve()
}
