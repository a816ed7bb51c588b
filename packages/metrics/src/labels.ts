import { callsOf } from '@mcp-prod/rpc'
import type { Request, Response } from 'express'

/** Every method that a client may send, in both eras of the protocol. */
const SPECIFIED = [
  'initialize',
  'ping',
  'server/discover',
  'tools/list',
  'tools/call',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'subscriptions/listen',
  'completion/complete',
  'logging/setLevel',
  'tasks/get',
  'tasks/list',
  'tasks/result',
  'tasks/update',
  'tasks/cancel',
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
]

/**
 * The `method` label: a method of the closed list, `batch` for several at once, `none` while no body was read, and
 * `other` for everything else, so that a caller cannot make series by inventing names.
 */
export function methodLabels(extra: readonly string[]): (req: Request) => string {
  const known = new Set([...SPECIFIED, ...extra])
  return (req) => {
    const calls = callsOf(req)
    const [first] = calls
    if (!first) return 'none'
    if (calls.length > 1) return 'batch'
    return known.has(first.method) ? first.method : 'other'
  }
}

/** A label of a closed list, such as the tools: a name of it, or `other`. */
export function nameLabels(names: readonly string[]): (name: string) => string {
  const known = new Set(names)
  return (name) => (known.has(name) ? name : 'other')
}

/** How a request for a tool, a prompt or a resource can end. */
export const OUTCOMES: readonly string[] = [
  'ok',
  'tool_error',
  'invalid_input',
  'not_found',
  'timeout',
  'cancelled',
  'denied',
  'limited',
  'overloaded',
  'error',
]
/** Of a tool that does not exist the input is invalid. */
export const TOOL_OUTCOMES = OUTCOMES.filter((outcome) => outcome !== 'not_found')
const outcomes = new Set(OUTCOMES)

/** The `outcome` label: one of the closed list, or `error`. */
export function outcomeLabel(outcome: string): string {
  return outcomes.has(outcome) ? outcome : 'error'
}

/**
 * The `status` label: 499 when the client went away before the end of the answer. A refusal that was begun keeps its
 * status: who refuses an upload ends the answer only when the sender has gone.
 */
export function statusLabel(res: Response): string {
  const { statusCode, headersSent, writableFinished } = res
  if (!writableFinished && !(headersSent && statusCode >= 400)) return '499'
  return statusCode >= 100 && statusCode <= 599 ? String(statusCode) : 'other'
}
