/** One HTTP answer as a strict reader sees it; 1xx answers are left out. */
export interface Answer {
  status: number
  /** Names in lower case, in order, repeated ones too. */
  headers: [name: string, value: string][]
  body: Buffer
}

export interface Read {
  answers: Answer[]
  /** What follows the last complete answer: the beginning of another, or nothing. */
  rest: Buffer
}

/** The bytes are no answer of HTTP/1.1; the message says why. */
export class MalformedAnswer extends Error {
  override name = 'MalformedAnswer'
}

const STATUS_LINE = /^HTTP\/1\.1 ([1-5]\d\d) [\t\x20-\x7e\x80-\xff]*$/
const FIELD = /^([!#$%&'*+.^_`|~\w-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*)$/

/**
 * Reads every answer that is complete, more strictly than a client would: RFC 9112 without its leniencies.
 *
 * @param head whether the first answer is one to HEAD, which has a length but no body.
 * @param closed whether nothing more will come, which ends an answer without a length.
 * @throws MalformedAnswer
 */
export function readAnswers(
  bytes: Buffer,
  { head, closed }: { head: boolean; closed: boolean },
): Read {
  const answers: Answer[] = []
  let rest = bytes
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) break
    const { status, headers } = readHead(rest.toString('latin1', 0, end))
    const after = rest.subarray(end + 4)
    const isBare =
      (head && answers.length === 0) || status < 200 || status === 204 || status === 304
    const found = isBare ? { body: Buffer.alloc(0), length: 0 } : readBody(headers, after, closed)
    if (!found) break
    if (status >= 200) answers.push({ status, headers, body: found.body })
    rest = after.subarray(found.length)
  }
  return { answers, rest }
}

/** The values of a header, however often it was sent. */
export function valuesOf({ headers }: Pick<Answer, 'headers'>, name: string): string[] {
  return headers.filter(([sent]) => sent === name).map(([, value]) => value)
}

function readHead(text: string): Pick<Answer, 'status' | 'headers'> {
  const [first = '', ...lines] = text.split('\r\n')
  const [, status] = STATUS_LINE.exec(first) ?? []
  if (!status) throw new MalformedAnswer(`status line ${JSON.stringify(first.slice(0, 200))}`)
  const headers = lines.map((line): [string, string] => {
    const [, name, value] = FIELD.exec(line) ?? []
    if (name === undefined || value === undefined) {
      throw new MalformedAnswer(`header line ${JSON.stringify(line.slice(0, 200))}`)
    }
    return [name.toLowerCase(), value]
  })
  return { status: Number(status), headers }
}

interface Body {
  body: Buffer
  /** Bytes that it took, its framing included. */
  length: number
}

function readBody(headers: Answer['headers'], bytes: Buffer, closed: boolean): Body | undefined {
  const [length, ...lengths] = valuesOf({ headers }, 'content-length')
  const encodings = valuesOf({ headers }, 'transfer-encoding')
  if (lengths.length > 0 || (length !== undefined && encodings.length > 0)) {
    throw new MalformedAnswer('more than one thing says how long the body is')
  }
  if (encodings.length > 0) {
    if (encodings.join() !== 'chunked') throw new MalformedAnswer(`encoded as ${encodings.join()}`)
    return readChunks(bytes)
  }
  if (length === undefined) return closed ? { body: bytes, length: bytes.length } : undefined
  if (!/^\d+$/.test(length)) throw new MalformedAnswer(`Content-Length ${length}`)
  if (bytes.length < Number(length)) return undefined
  return { body: bytes.subarray(0, Number(length)), length: Number(length) }
}

function readChunks(bytes: Buffer): Body | undefined {
  const chunks: Buffer[] = []
  let at = 0
  for (;;) {
    const end = bytes.indexOf('\r\n', at)
    if (end < 0) return undefined
    const size = bytes.toString('latin1', at, end)
    if (!/^[\da-f]{1,8}$/i.test(size))
      throw new MalformedAnswer(`chunk size ${JSON.stringify(size)}`)
    const from = end + 2
    const to = from + Number.parseInt(size, 16)
    if (bytes.length < to + 2) return undefined
    if (bytes.toString('latin1', to, to + 2) !== '\r\n')
      throw new MalformedAnswer('chunk without an end')
    if (to === from) return { body: Buffer.concat(chunks), length: to + 2 }
    chunks.push(bytes.subarray(from, to))
    at = to + 2
  }
}
