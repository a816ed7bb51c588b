import type { Server } from 'node:net'
import type { RequestHandler } from 'express'
import type { Hook, HookOptions } from './hooks.js'

export interface Shutdown {
  /** True from the signal on: readiness answers 503, answers say `Connection: close`. */
  readonly draining: boolean
  /** Milliseconds since `stop` or the signal; 0 until then. */
  readonly drainingForMs: number
  /** Milliseconds after which the end is forced: the option's. */
  readonly deadlineMs: number
  /** Requests being answered now, streams and those of `last` servers apart. */
  readonly inFlight: number
  /**
   * Aborts when the requests in flight have ended or their time is over. Work that still runs should stop then;
   * it has one second left to answer.
   */
  readonly signal: AbortSignal
  /** Counts requests of a server that cannot be given to `addServer`, which counts those of its own. */
  readonly track: RequestHandler
  /**
   * Adds a server of node:http, node:https or node:net, before it listens. With `last` it keeps answering
   * (probes, metrics) until the others have drained.
   */
  addServer(server: Server, options?: { last?: boolean }): void
  /** Runs when no request is in flight any more, to end streams properly. Last registered, first run. */
  onDrained(name: string, run: Hook, options?: HookOptions): void
  /** Runs when the servers are closed, for pools, stores and log files. Last registered, first run. */
  onClose(name: string, run: Hook, options?: HookOptions): void
  /**
   * Drains, closes and ends the process. Further calls join the first; the highest exit code wins.
   * `exitCode` is 0 to 255, anything else counts as 1. @default 0
   */
  stop(reason: string, exitCode?: number): Promise<void>
  /**
   * Handles the signals from now on: call it first in the program. A second signal exits at once with 128 + n,
   * unless it comes within 300 ms of the first.
   */
  listen(): void
}
