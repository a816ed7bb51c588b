import type {
  ClientCapabilities,
  InputRequests,
  LoggingLevel,
  ServerNotifier,
} from '@modelcontextprotocol/server'
import type { InputRequired } from './definition.js'

/** What the kit needs of a logger: winston's and pino-like loggers fit. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): unknown
  info(message: string, fields?: Record<string, unknown>): unknown
  warn(message: string, fields?: Record<string, unknown>): unknown
  error(message: string, fields?: Record<string, unknown>): unknown
}

/** Who calls. The token itself is never handed on. */
export interface Principal {
  /** Stable id of the person or machine. */
  id: string
  /** The OAuth client or API key used. */
  clientId: string
  scopes: readonly string[]
  /** The organisation on whose behalf, where the verifier names one: `auth.extra.tenant`. */
  tenant?: string
}

/**
 * What tools work with: clients, pools, caches. Empty here; an application declares its own once:
 * `declare module '@mcp-prod/tools' { interface ToolServices { catalog: CatalogClient } }`.
 */
// biome-ignore lint/suspicious/noEmptyInterface: the application fills it by declaration merging
export interface ToolServices {}

/** What a tool is given beside its input. */
export interface ToolContext {
  /**
   * Aborts when nobody waits for the result any more: at the tool's timeout, when the client disconnects or
   * cancels, and when a shutdown's time is over. Hand it to everything the tool awaits.
   */
  signal: AbortSignal
  /** A logger whose lines carry the name of the tool, resource or prompt. */
  log: Logger
  /** The authenticated caller; undefined over stdio. */
  principal: Principal | undefined
  services: ToolServices
  /** Tells a client that asked for it how far the work is. Never rejects. */
  progress(done: number, total?: number, message?: string): Promise<void>
}

/** What `run` of a tool, a resource or a prompt is given beside its input: all that the protocol has for a request. */
export interface RunContext extends ToolContext {
  /** `params._meta`: the caller's trace context, and whatever else it sent. The caller's text. */
  meta: Readonly<Record<string, unknown>> | undefined
  /** What the client said that it can do; `undefined` where a request does not say (2025 revisions without a session). */
  clientCapabilities: ClientCapabilities | undefined
  /** Says that a list or a resource changed, to whoever subscribed. */
  notify: ServerNotifier
  /** Sends a line to the client, if it asked for lines of this level (deprecated by SEP-2577). Never rejects. */
  clientLog(level: LoggingLevel, data: unknown): Promise<void>
  /**
   * Asks the client for more: return what it gives. The client answers by the same request again, with `inputResponses`,
   * and `requestState` is then the `state` of here. That is signed and not encrypted; it holds for the same caller
   * and the same input until `requestStateTtlMs`.
   */
  requireInput(ask: { inputRequests?: InputRequests; state?: unknown }): Promise<InputRequired>
  /** What the client answered, by the names of `inputRequests`; not validated, see `acceptedContent`. */
  inputResponses: Readonly<Record<string, unknown>> | undefined
  /** The `state` given to `requireInput` the time before; verified. */
  requestState: unknown
}
