import type { AbandonedEvent } from './abandoned.js'
import type { Budget } from './budget.js'
import type { ToolCallEvent } from './call.js'
import type { TraceCall } from './trace.js'
import type { Logger, ToolServices } from './types.js'

export interface ToolServerOptions {
  name: string
  version: string
  /** What the model should know of the server as a whole. */
  instructions?: string
  /** Handed to every tool. @default {} */
  services?: ToolServices
  /** Gets the text and stack of masked errors. Without it they are lost. @default none */
  logger?: Logger
  /** Called at the end of every call, of unknown tools too; what it throws is logged. @default none */
  onCall?: (event: ToolCallEvent) => void
  /**
   * Aborts when running calls must stop now, such as a shutdown's end. It also closes the threads of `inWorker`.
   * @default none
   */
  signal?: AbortSignal
  /**
   * Called around each run with the tool's own timeout in milliseconds: it narrows that to what is left of the request's time, such
   * as `withDeadline` of `@mcp-prod/resilience` does. @default every tool has its own timeout
   */
  budget?: Budget
  /**
   * Called around each `tools/call` and `tools/list`, such as `traceCall` of `@mcp-prod/tracing`; what it throws is logged.
   * @default none
   */
  trace?: TraceCall
  /**
   * Called when a run goes on for 1 s after its call has ended, and again when it ends after all; what it throws is logged.
   * @default none
   */
  onAbandoned?: (event: AbandonedEvent) => void
  /**
   * Runs of one tool that may be abandoned at a time, a quarter of them of one principal; while there are so many,
   * its calls are refused. @default 100
   */
  maxAbandoned?: number
  /** Runs tools without looking at scopes: for stdio, where the caller owns the process. @default false */
  dangerouslyIgnoreScopes?: boolean
  /**
   * Shows in `tools/list` only the tools whose scopes the caller holds. That hides no secret: a call of another is
   * denied with the scopes that it needs, as always, because a client can ask for more only when it is told of which.
   * @default false
   */
  listOnlyCallable?: boolean
}
