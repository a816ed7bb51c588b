import type { ProtocolError } from '@modelcontextprotocol/server'
import { inform } from './inform.js'
import { cut } from './issues.js'
import type { Logger, Principal } from './types.js'

/** How a call ended; a closed list, so that it can be a metric's label. */
export type ToolOutcome =
  | 'ok'
  | 'tool_error'
  | 'invalid_input'
  | 'not_found'
  | 'timeout'
  | 'cancelled'
  | 'denied'
  | 'overloaded'
  | 'error'

/** One finished call, also of a tool that does not exist (`invalid_input`): for metrics and audit. */
export interface ToolCallEvent {
  /** Of a registered tool, or what the caller took for one: text from the caller, cut. */
  tool: string
  outcome: ToolOutcome
  /** At a timeout: whether the time that ran out was the request's (`budget`), not the tool's own. */
  narrowed?: boolean
  durationMs: number
  principal: Principal | undefined
  /** What the caller was given instead of the error; the log has it too. */
  correlationId?: string
}

export type RequestMethod =
  | 'tools/call'
  | 'resources/read'
  | 'resources/subscribe'
  | 'prompts/get'
  | 'completion/complete'

/** One finished request for a tool, a resource or a prompt: for metrics and audit of all three. */
export interface RequestEvent extends Omit<ToolCallEvent, 'tool'> {
  method: RequestMethod
  /** The `label` of what was asked for, one of a closed list; undefined if there is no such thing. */
  name: string | undefined
  /** The name or URI as the caller wrote it, cut and without credentials; for an audit, never a metric's label. */
  asked: string
}

/** What a request comes to; the error is one that the caller may see. */
export type Answer =
  | { outcome: ToolOutcome; result: object; narrowed?: boolean }
  | { outcome: ToolOutcome | 'unknown_tool'; error: ProtocolError; narrowed?: boolean }

export interface EventHooks {
  onCall: (event: ToolCallEvent) => unknown
  onRequest: (event: RequestEvent) => unknown
  logger: Logger
}

/** Tells both hooks. */
export function tell({ onCall, onRequest, logger }: EventHooks, event: RequestEvent): void {
  const { method, name: _name, asked, ...rest } = event
  const failed = (hook: string) => (error: unknown) => logger.warn(`${hook} failed`, { error })
  inform(() => onRequest(event), failed('onRequest'))
  if (method === 'tools/call') inform(() => onCall({ tool: asked, ...rest }), failed('onCall'))
}

/** What a caller wrote, fit to be kept: short, and of a URI without user and password. */
export function askedOf(text: string): string {
  return cut(text.slice(0, 4096).replace(/^(\s*[a-z][a-z0-9+.-]*:\/*)[^/?#]*@/i, '$1'))
}

/** What the caller was given in place of an error's text. */
export function correlationIdOf(answer: Answer): string | undefined {
  if (!('error' in answer)) return undefined
  const { correlationId } = (answer.error.data ?? {}) as { correlationId?: string }
  return correlationId
}
