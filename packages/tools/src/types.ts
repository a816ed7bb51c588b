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
  /** A logger whose lines carry the tool's name. */
  log: Logger
  /** The authenticated caller; undefined over stdio. */
  principal: Principal | undefined
  services: ToolServices
  /** Tells a client that asked for it how far the work is. Never rejects. */
  progress(done: number, total?: number, message?: string): Promise<void>
}
