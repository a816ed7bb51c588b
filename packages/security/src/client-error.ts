import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** How long, in milliseconds, a sender may take to read why it was refused. */
const LINGER_MS = 1000
const STATUS = new Map([
  ['HPE_HEADER_OVERFLOW', '431 Request Header Fields Too Large'],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', '413 Content Too Large'],
  ['ERR_HTTP_REQUEST_TIMEOUT', '408 Request Timeout'],
])
const refused = new WeakSet<Duplex>()

/**
 * Ends a connection whose bytes are no HTTP or came too late: with a short answer where one can still be understood,
 * else without (a broken connection, a failed TLS handshake, an answer already begun).
 */
export function onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  // The parser fails again with whatever else arrives until the socket is closed.
  if (refused.has(socket)) return
  refused.add(socket)
  const { code = '' } = error
  const status = STATUS.get(code) ?? (code.startsWith('HPE_') ? '400 Bad Request' : undefined)
  if (status === undefined || !socket.writable || wouldMislead(socket)) {
    socket.destroy()
    return
  }
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  // Closing at once would reset the connection, and the sender might never read the answer (RFC 9112 §9.6).
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref()
  socket.once('close', () => clearTimeout(timer))
}

/** Whether the answer would land inside another one, or be taken for that of an earlier, complete request. */
function wouldMislead(socket: Duplex): boolean {
  // Node's own handler looks at it too: there is no public way to know.
  const { _httpMessage: answer } = socket as { _httpMessage?: ServerResponse | null }
  return Boolean(answer && (answer.headersSent || answer.req.complete))
}
