import { HttpError } from './http-error.js'

export type RequestHeaders = Record<string, string | undefined>

/** Those by which a message is framed or routed: who sets them can smuggle a second request in, or reach another host. */
const OURS = new Set([
  'host',
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** No control characters, so that no value can end its line; and what latin1 can carry. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** One set of headers out of several, later ones winning whatever their case. @throws HttpError that shows no value. */
export function mergeHeaders(what: string, ...sources: RequestHeaders[]): Record<string, string> {
  const merged = new Map<string, string>()
  for (const source of sources) {
    // Such as Headers, which would look as if it were empty.
    if (Symbol.iterator in Object(source))
      throw new HttpError(what, 'refused, its headers are no plain object')
    for (const [name, value] of Object.entries(source)) {
      if (value === undefined) continue
      const problem = headerProblem(name, value)
      if (problem) throw new HttpError(what, `refused, ${problem}`)
      merged.set(name.toLowerCase(), value)
    }
  }
  return Object.fromEntries(merged)
}

/** The headers with another trace context. What of it cannot be sent is left out: who only watches must fail no request. */
export function withTrace(
  {
    traceparent: _parent,
    tracestate: _state,
    baggage: _baggage,
    ...others
  }: Record<string, string>,
  trace: RequestHeaders,
): Record<string, string> {
  for (const [name, value] of Object.entries(trace))
    if (value !== undefined && !headerProblem(name, value)) others[name.toLowerCase()] = value
  return others
}

function headerProblem(name: string, value: unknown): string | undefined {
  if (!TOKEN.test(name)) return 'a header has a name that is none'
  if (OURS.has(name.toLowerCase())) return `the header ${name} cannot be set`
  if (typeof value !== 'string') return `the header ${name} is no text`
  return VALUE.test(value) ? undefined : `the header ${name} has a character that cannot be sent`
}
