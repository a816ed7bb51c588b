/** What became of a call. */
export type Outcome =
  | { kind: 'ok' }
  | { kind: 'error'; what: string }
  /** 503: there was no room. */
  | { kind: 'refused'; what: string }
  /** 429: there would have been room, but not for this caller. */
  | { kind: 'limited'; what: string; remedy: string }

interface Message {
  id?: unknown
  error?: { code?: unknown; message?: unknown; data?: { policy?: unknown; tool?: unknown } }
  result?: { isError?: unknown; resultType?: unknown; content?: { text?: unknown }[] }
}

/** Looks into the body: a 200 is a success only when the call's own result is one. */
export function judgeAnswer(status: number, type: string, text: string, id: number): Outcome {
  const message = messageOf(type, text)
  const said = wordsOf(message?.error?.message)
  if (status === 429) return { kind: 'limited', ...limitOf(message) }
  if (status === 503) return { kind: 'refused', what: `503 ${said}`.trim() }
  if (status !== 200) return error(`HTTP ${status} ${said}`)
  if (message === undefined) return error('an answer that is no JSON-RPC')
  if (message.error) return error(`JSON-RPC ${String(message.error.code)} ${said}`)
  if (message.id !== id) return error('an answer to another call')
  const { result } = message
  if (typeof result !== 'object' || result === null) return error('an answer without a result')
  if (result.isError) return error(`tool error: ${wordsOf(result.content?.[0]?.text)}`)
  if (result.resultType !== undefined && result.resultType !== 'complete') {
    return error(`result of type ${wordsOf(result.resultType)}`)
  }
  return { kind: 'ok' }
}

/** The answer to the call itself: of an event stream the last message, after any progress. */
function messageOf(type: string, text: string): Message | undefined {
  const start = type.startsWith('text/event-stream') ? text.lastIndexOf('data: ') + 6 : 0
  const end = start > 0 ? text.indexOf('\n', start) : -1
  try {
    const value: unknown = JSON.parse(end < 0 ? text.slice(start) : text.slice(start, end))
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

const REMEDIES: Record<string, string> = {
  ip: 'IP_LIMIT_PER_MINUTE; for a load test start the server with IP_LIMIT_PER_MINUTE=1000000000 PRINCIPAL_LIMIT_PER_MINUTE=1000000000',
  principal:
    'PRINCIPAL_LIMIT_PER_MINUTE; for a load test start the server with IP_LIMIT_PER_MINUTE=1000000000 PRINCIPAL_LIMIT_PER_MINUTE=1000000000',
  tool: "the tool's own limitPerMinute; for a load test raise it in the tool's file",
  concurrency:
    'MAX_CONCURRENT_CALLS, of which one principal has half; for a load test start the server with MAX_CONCURRENT_CALLS=100000',
}

function limitOf(message: Message | undefined) {
  const policy = String(message?.error?.data?.policy)
  const known = Object.hasOwn(REMEDIES, policy) ? REMEDIES[policy] : undefined
  return {
    what: `429 ${wordsOf(message?.error?.message)}`.trim(),
    remedy:
      known ??
      'a limit that does not say which it is, perhaps of a proxy in front; lift it for the load test',
  }
}

/** What to do about a 429. */
export function limitText(text: string): string {
  const { what, remedy } = limitOf(messageOf('', text))
  return `limited by ${remedy} (${what})`
}

const error = (what: string): Outcome => ({ kind: 'error', what: what.trim() })

/** Ids and times differ in every message: those of one kind are counted as one. Control characters would steer a terminal. */
export function wordsOf(text: unknown): string {
  if (typeof text !== 'string') return ''
  const shown = text.slice(0, 400).replace(/\p{C}+/gu, ' ')
  return shown
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4,}){2,}|\d{3,}/gi, '…')
    .trim()
    .slice(0, 160)
}
