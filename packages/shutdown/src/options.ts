import { constants } from 'node:os'
import type { Logger } from './logger.js'
import type { Describe } from './report.js'
import type { IsStream } from './requests.js'

export interface ShutdownOptions {
  /** Where the course of the shutdown is told; winston fits. @default none */
  logger?: Logger
  /**
   * Milliseconds between readiness turning 503 and the listening sockets closing, so that load balancers notice.
   * Skipped when nothing listens yet. A preStop sleep waits for the same: take its time off. @default 5000
   */
  graceMs?: number
  /** Milliseconds that requests in flight may take after the grace. @default 18000 */
  drainTimeoutMs?: number
  /** Milliseconds from the signal to the forced end. At least `graceMs + drainTimeoutMs + 1000`. @default 28000 */
  deadlineMs?: number
  /** Signals that `listen()` handles. Add SIGUSR2 for nodemon. @default ['SIGTERM', 'SIGINT'] */
  signals?: NodeJS.Signals[]
  /**
   * Whether an open request is a stream that has no end of its own: it is not waited for. Asked during the
   * drain only. @default a GET that is being answered with `text/event-stream`
   */
  isStream?: IsStream
  /**
   * What the log says of a request that was cut off or still ran at the deadline, besides its route and age: a request
   * id, a tool. Nothing secret. @default nothing
   */
  describe?: Describe
  /** Ends the process; called last, with stdout and stderr flushed. @default process.exit */
  exit?: (code: number) => void
}

/** What a timer of Node can count; it fires at once when given more. */
const LONGEST_MS = 2 ** 31 - 1
const UNCATCHABLE = ['SIGKILL', 'SIGSTOP']

export function refuse(problem: string): never {
  throw Object.assign(new TypeError(`@mcp-prod/shutdown: ${problem}`), {
    code: 'ERR_SHUTDOWN_OPTION',
  })
}

/** Throws at creation, so that a wrong option stops the start and not the end. */
export function milliseconds(option: string, value: unknown, minimum = 0): void {
  if (typeof value === 'number' && value >= minimum && value <= LONGEST_MS) return
  refuse(
    `${option} must be a number of milliseconds from ${minimum} to ${LONGEST_MS}, got ${String(value)}; ` +
      'write 5 seconds as 5_000',
  )
}

export function catchable(signals: unknown): void {
  if (!Array.isArray(signals))
    refuse(`signals must be an array such as ['SIGTERM'], got ${String(signals)}`)
  for (const signal of signals as unknown[]) {
    const known = typeof signal === 'string' && Object.hasOwn(constants.signals, signal)
    if (known && !UNCATCHABLE.includes(signal)) continue
    refuse(`signals must name signals that can be caught, such as 'SIGTERM', got ${String(signal)}`)
  }
}

export function callable(option: string, value: unknown): void {
  if (typeof value !== 'function') refuse(`${option} must be a function, got ${String(value)}`)
}
