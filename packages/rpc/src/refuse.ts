import type { Request, Response } from 'express'
import { errorMessage, type RpcError, sendRpcError } from './error.js'

/** How long, in milliseconds, a connection stays open for a sender to read why it was refused. */
const LINGER_MS = 1000

/**
 * `sendRpcError` for a request whose body is still arriving; ends the connection. Closing at once would make the
 * kernel reset it, and a client that is still sending would see ECONNRESET instead of the answer (RFC 9112 §9.6).
 * So the whole answer goes out first; then at most `lingerBytes` more are read and thrown away, and after a second
 * the connection is closed whatever the sender does.
 */
export function refuseUpload(
  req: Request,
  res: Response,
  status: number,
  error: RpcError,
  lingerBytes: number,
): void {
  if (req.complete || req.destroyed || res.headersSent) {
    sendRpcError(req, res, status, error)
    return
  }
  const text = JSON.stringify(errorMessage(req, error))
  res.status(status).set({ Connection: 'close', 'Content-Length': String(Buffer.byteLength(text)) })
  res.type('json').write(text)

  // Node destroys the socket once an answer with `Connection: close` has ended.
  const timer = setTimeout(close, LINGER_MS).unref()
  let left = lingerBytes
  req.on('data', countDown).once('end', close).once('close', close).resume()

  function countDown(chunk: Buffer): void {
    left -= chunk.length
    if (left < 0) req.pause()
  }
  function close(): void {
    clearTimeout(timer)
    res.end()
  }
}
