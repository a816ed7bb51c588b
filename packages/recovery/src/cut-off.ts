import type { Response } from 'express'

/**
 * Ends the connection of an answer that has begun. Chunks without their end, or fewer bytes than announced, already show
 * that something is missing. An answer whose end is the end of its connection (HTTP/1.0) would look whole, so that one is reset.
 */
export function cutOff(res: Response): void {
  const endsWithConnection = !res.chunkedEncoding && !res.hasHeader('Content-Length')
  if (endsWithConnection && !res.writableEnded) {
    try {
      res.socket?.resetAndDestroy()
    } catch {
      // Only TCP knows a reset. TLS shows a cut by itself: its closing alert is missing.
    }
  }
  res.destroy()
}
