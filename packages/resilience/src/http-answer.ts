import { HttpError } from './http-error.js'
import type { WireAnswer } from './http-exchange.js'

/** An answer, wholly read: nothing has to be consumed or closed. */
export interface HttpAnswer {
  status: number
  /** By lower-case name; an array where one came more than once. */
  headers: Record<string, string | string[]>
  /** As it came over the wire. */
  body: Buffer
  /** The body as UTF-8. @throws HttpError when it is compressed, which was not asked for. */
  text(): string
  /** The body as JSON. @throws HttpError when it is none. */
  json(): unknown
}

export function httpAnswer(what: string, { status, headers, body }: WireAnswer): HttpAnswer {
  const problem = (text: string) =>
    new HttpError(what, `the answer with status ${status} ${text}`, { status })

  function text(): string {
    const encoding = headers['content-encoding'] ?? 'identity'
    // Inflated, a small answer could be a thousand times its size.
    if (encoding !== 'identity') throw problem('is compressed')
    return new TextDecoder().decode(body)
  }

  function json(): unknown {
    const content = text()
    try {
      return JSON.parse(content)
    } catch {
      // Without the cause: its text quotes the content.
      throw problem('is no JSON')
    }
  }
  // Without a prototype: an absent header must not turn out to be one of its functions.
  return { status, headers: Object.assign(Object.create(null), headers), body, text, json }
}
