import { type Answer, valuesOf } from './answers.js'
import { type Case, canaryId } from './cases.js'
import type { Outcome } from './exchange.js'
import { MARK } from './hostile.js'

/** What would tell a stranger how the server is built: a stack, a path of its disk, a library. */
const INTERNALS = new RegExp(
  [
    String.raw`\bat [\w.<>[\] ]+ \(|\bat (?:file|node|async|new) ?[:\w]`,
    String.raw`node_modules|node:internal|file:\/\/\/|\.[cm]?[jt]s\b:\d+|\/(?:home|work|root|usr|tmp|app|var)\/`,
    String.raw`@mcp-prod|@modelcontextprotocol|\b(?:express|zod|winston|passport|helmet|jose|undici|prom-client)\b`,
    String.raw`\b(?:Type|Reference|Range|Syntax|Zod|Assertion)Error\b|\bERR_[A-Z]{2}|\bHPE_|\bE[A-Z]{4,}\b:`,
    `undefined is not|is not a function|Cannot (?:read|set|destructure)|Unexpected token`,
  ].join('|'),
)
/** What a bare caller would only read if a tool had run for it that needs a scope. */
const BEYOND_SCOPE = /"structuredContent":\{"(?:count|time)"/
const NEEDED: Record<number, string> = {
  401: 'www-authenticate',
  405: 'allow',
  429: 'retry-after',
  503: 'retry-after',
}

/**
 * What is wrong with the answers to a request. No status of 500 or more has a cause here: all that the server depends on
 * is up, no list is full, and nothing is shutting down.
 */
export function faultsOf(
  sent: Case,
  outcome: Outcome,
  secretIn: (text: string) => string | undefined,
): string[] {
  const { answers, toNext, received, fault } = outcome
  const faults = fault ? [fault] : []
  for (const answer of answers) faults.push(...answerFaults(answer, sent))
  const text = received.toString('latin1')
  const secret = sent.named ? undefined : secretIn(text)
  if (secret) faults.push(`an answer holds a secret: ${secret}`)
  const [internal] = INTERNALS.exec(textOf(answers)) ?? []
  // What the caller said itself is no news to it.
  if (internal && !Buffer.concat(sent.parts).includes(internal)) {
    faults.push(`an answer tells of the inside: ${internal}`)
  }
  const own = answers.length - (toNext?.length ?? 0)
  if (sent.ending === 'answered' && own > 1) faults.push(`${own} answers to one request`)
  const ids = toNext?.map((answer) => valuesOf(answer, 'x-request-id').join())
  if (ids && ids.join() !== canaryId(sent.index))
    faults.push(`the next request was answered by ${ids}`)
  return faults
}

function answerFaults(answer: Answer, { caller, target }: Case): string[] {
  const { status, headers } = answer
  const text = answer.body.toString()
  const faults: string[] = []
  if (status >= 500) faults.push(`status ${status}`)
  const needed = NEEDED[status]
  if (needed && valuesOf(answer, needed).length !== 1) faults.push(`${status} without ${needed}`)
  for (const [name] of headers) {
    if ([MARK, 'x-powered-by', 'server', 'set-cookie'].includes(name))
      faults.push(`the header ${name}`)
  }
  if (caller === 'nobody' && target === '/mcp' && status < 300)
    faults.push(`${status} without credentials`)
  if (caller === 'bare' && BEYOND_SCOPE.test(text)) faults.push('a tool ran without its scope')
  return [...faults, ...bodyFaults(answer, text)]
}

function bodyFaults(answer: Answer, text: string): string[] {
  if (text === '') return []
  const type = valuesOf(answer, 'content-type').join().split(';', 1)[0] ?? ''
  if (type !== 'application/json' && type !== 'text/event-stream') return [`a body of type ${type}`]
  try {
    return messagesOf(type, text).flatMap(messageFaults)
  } catch {
    return [`a body that is no ${type}`]
  }
}

/** The JSON texts in a body. @throws SyntaxError where one is none. */
function messagesOf(type: string, text: string): unknown[] {
  if (type === 'application/json') return [JSON.parse(text)]
  const events = text.split('\n').filter((line) => line.startsWith('data:'))
  return events
    .map((line) => line.slice(5).trim())
    .filter(Boolean)
    .map((json) => JSON.parse(json))
}

function messageFaults(message: unknown): string[] {
  if (Array.isArray(message)) return message.flatMap(messageFaults)
  const { error, jsonrpc } = message as {
    error?: { code?: unknown; message?: unknown }
    jsonrpc?: unknown
  }
  // Not JSON-RPC: OAuth metadata, or what no route took.
  if (jsonrpc === undefined || error === undefined) return []
  if (!Number.isInteger(error.code) || typeof error.message !== 'string')
    return ['a misshapen error']
  return error.code === -32603 ? ['an internal error'] : []
}

function textOf(answers: readonly Answer[]): string {
  return answers.map(({ headers, body }) => `${headers.join('\n')}\n${body}`).join('\n')
}
