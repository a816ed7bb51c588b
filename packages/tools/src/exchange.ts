import { once } from 'node:events'
import type { AuthInfo, McpHttpHandler } from '@modelcontextprotocol/server'
import type { Request as ExpressRequest, Response as ExpressResponse } from 'express'
import { onGone } from './connection-close.js'

export interface ExchangeOptions {
  /** Aborts when the client goes away, and ends the exchange when somebody else aborts it. @default one of its own */
  disconnect?: AbortController
  /** Told of each piece of a stream that the client has room for. @default none */
  onSent?: (chunk: Uint8Array) => void
  /** Served in the place of `req.body`. @default `req.body` */
  body?: unknown
}

/**
 * One HTTP exchange through the SDK's web-standard handler, for a body that is parsed already.
 *
 * The SDK's own adapter makes a whole `Request` of it, body and all, and of that the handler reads the method, the URL, the
 * headers and the signal: a third of what a call costs. So this hands it just those.
 */
export async function exchange(
  handler: Pick<McpHttpHandler, 'fetch'>,
  req: ExpressRequest,
  res: ExpressResponse,
  options: ExchangeOptions = {},
): Promise<void> {
  const { disconnect = new AbortController(), onSent = () => {}, body = req.body } = options
  const forget = onGone(req, res, () => disconnect.abort())
  try {
    const { auth: authInfo } = req as { auth?: AuthInfo }
    const request = new ParsedRequest(req, body, disconnect.signal) as unknown as Request
    const response = await handler.fetch(request, {
      parsedBody: body,
      ...(authInfo && { authInfo }),
    })
    await send(response, res, disconnect.signal, onSent)
  } finally {
    forget()
  }
}

/** What the SDK reads of a `Request`. Should it ever ask for more, it gets the real one. */
class ParsedRequest {
  readonly method: string
  readonly url: string
  readonly headers: Headers
  readonly signal: AbortSignal
  readonly #body: unknown

  constructor(req: ExpressRequest, body: unknown, signal: AbortSignal) {
    this.method = req.method
    // The Host was checked, or is not trusted with anything but being shown.
    this.url = `http://${req.headers.host ?? 'localhost'}${req.originalUrl}`
    this.headers = headersOf(req)
    this.signal = signal
    this.#body = body
  }

  clone(): Request {
    const { method, url, headers, signal } = this
    return new Request(url, { method, headers, signal, body: JSON.stringify(this.#body) })
  }

  text(): Promise<string> {
    return this.clone().text()
  }

  json(): Promise<unknown> {
    return this.clone().json()
  }
}

function headersOf(req: ExpressRequest): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(req.headers)) {
    if (typeof value === 'string') headers.set(name, value)
    else for (const item of value ?? []) headers.append(name, item)
  }
  return headers
}

/** Writes the answer: JSON in one piece with its length, a stream piece by piece as fast as the client takes it. */
async function send(
  response: Response,
  res: ExpressResponse,
  gone: AbortSignal,
  onSent: (chunk: Uint8Array) => void,
): Promise<void> {
  const headers = Object.fromEntries(response.headers)
  // Whether the connection stays open is for this server to say: while it drains, it does not.
  delete headers.connection
  if (!response.body || gone.aborted) {
    res.writeHead(response.status, headers).end()
    return
  }
  if (headers['content-type']?.startsWith('application/json')) {
    const chunks: Uint8Array[] = []
    for await (const chunk of response.body) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    headers['content-length'] = String(body.byteLength)
    // Node sends the headers and a text in one write, but not the headers and a buffer.
    res.writeHead(response.status, headers).end(body.toString())
    return
  }
  res.writeHead(response.status, headers)
  try {
    for await (const chunk of response.body) {
      if (gone.aborted) break
      if (!res.write(chunk)) await once(res, 'drain', { signal: gone })
      onSent(chunk)
    }
    res.end()
  } catch (error) {
    // A client that went away ends its stream; anything else is the stream's own failure.
    if (!gone.aborted) throw error
  }
}
