import type { CacheHint, ServerEventBus } from '@modelcontextprotocol/server'
import type { AbandonedEvent } from './abandoned.js'
import type { Budget } from './budget.js'
import type { Prompt } from './define-prompt.js'
import type { Resource } from './define-resource.js'
import type { ResourceTemplate } from './define-resource-template.js'
import type { RequestEvent, ToolCallEvent } from './events.js'
import type { TraceCall } from './trace.js'
import type { Logger, ToolServices } from './types.js'

export interface ToolServerOptions {
  name: string
  version: string
  /** What the model should know of the server as a whole. */
  instructions?: string
  /** Fixed resources and templates; where several templates match a URI, the first has it. @default [] */
  resources?: readonly (Resource | ResourceTemplate)[]
  /** @default [] */
  prompts?: readonly Prompt[]
  /** Handed to every tool, resource and prompt. @default {} */
  services?: ToolServices
  /** Gets the text and stack of masked errors. Without it they are lost. @default none */
  logger?: Logger
  /** Called at the end of every call, of unknown tools too; what it throws is logged. @default none */
  onCall?: (event: ToolCallEvent) => unknown
  /**
   * Called at the end of every request for a tool, a resource or a prompt, completions and legacy subscriptions included; what it
   * throws is logged. @default none
   */
  onRequest?: (event: RequestEvent) => unknown
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
   * Called around each request for a tool, a resource or a prompt and around each list, such as `traceCall` of `@mcp-prod/tracing`; what it throws is logged.
   * @default none
   */
  trace?: TraceCall
  /**
   * Called when a run goes on for 1 s after its call has ended, and again when it ends after all; what it throws is logged.
   * @default none
   */
  onAbandoned?: (event: AbandonedEvent) => unknown
  /**
   * Runs of one tool that may be abandoned at a time, a quarter of them of one principal; while there are so many,
   * its calls are refused. @default 100
   */
  maxAbandoned?: number
  /** Runs tools without looking at scopes: for stdio, where the caller owns the process. @default false */
  dangerouslyIgnoreScopes?: boolean
  /**
   * Shows in every list only what the caller holds the scopes for. That hides no secret: a call of another is
   * denied with the scopes that it needs, as always, because a client can ask for more only when it is told of which.
   * @default false
   */
  listOnlyCallable?: boolean
  /** Entries that a page of a list has at most; more come with a cursor. @default 1000 */
  listPageSize?: number
  /** How long clients may keep lists, and whether they may share them. @default `ttlMs` 0, `cacheScope` `private` */
  cacheHints?: Partial<Record<CachedOperation, CacheHint>>
  /**
   * Sign what clients keep between two rounds of a request (`requireInput`): texts or bytes of 32 bytes or more, the newest first.
   * Replicas and workers need the same. @default one that only this server has
   */
  requestStateKeys?: readonly (string | Uint8Array)[]
  /** Milliseconds for which such a state is good. @default 600000 */
  requestStateTtlMs?: number
  /** Carries the events of `notify`; replicas need one they share. @default in this process */
  bus?: ServerEventBus
}

export type CachedOperation =
  | 'server/discover'
  | 'tools/list'
  | 'prompts/list'
  | 'resources/list'
  | 'resources/templates/list'
