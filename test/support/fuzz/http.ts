import type { Header } from './messages.js'

export interface HttpRequest {
  method: string
  target: string
  version: string
  headers: readonly Header[]
  body: Buffer
}

/** Without the port, which is another each time: a request must have the same bytes for the same seed. */
export const HOST = '127.0.0.1'

/** A POST as an MCP client sends it. */
export function postTo(headers: readonly Header[], body: Buffer): HttpRequest {
  const fields: Header[] = [
    ['Host', HOST],
    ['Content-Type', 'application/json'],
    ['Accept', 'application/json, text/event-stream'],
    ...headers,
  ]
  return { method: 'POST', target: '/mcp', version: 'HTTP/1.1', headers: fields, body }
}

/** The bytes of a request; its length is added, unless it says itself how it is framed. */
export function encode(request: HttpRequest): Buffer {
  const { body } = request
  return Buffer.concat([encodeHead(request), body])
}

export function encodeHead({ method, target, version, headers, body }: HttpRequest): Buffer {
  const isFramed = headers.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name))
  const length: Header[] =
    isFramed || body.length === 0 ? [] : [['Content-Length', String(body.length)]]
  const lines = [...headers, ...length].map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`${method} ${target} ${version}\r\n${lines.join('')}\r\n`, 'latin1')
}

export function withHeader(request: HttpRequest, ...added: readonly Header[]): HttpRequest {
  return { ...request, headers: [...request.headers, ...added] }
}

export function withoutHeader(request: HttpRequest, unwanted: string): HttpRequest {
  const headers = request.headers.filter(([name]) => name.toLowerCase() !== unwanted.toLowerCase())
  return { ...request, headers }
}

/** In place of whatever the header was before. */
export function setHeader(request: HttpRequest, name: string, value: string): HttpRequest {
  return withHeader(withoutHeader(request, name), [name, value])
}
