import type { Request } from 'express'
import type { Lease } from './body-budget.js'

/** Why no body came: more than the cap, no room for it now, the sender went away, or it had been read already. */
export type ReadFailure = 'too large' | 'no room' | 'aborted' | 'consumed'

/**
 * Reads a body into one growing buffer. A list of chunks would do for honest clients, but a sender of one-byte
 * chunks makes each byte cost some 400 bytes of heap: 4 MiB become 1.6 GB.
 */
export function readBytes(
  req: Request,
  maxBytes: number,
  lease: Lease,
): Promise<Buffer | ReadFailure> {
  return new Promise((resolve) => {
    let buffer: Buffer = Buffer.alloc(0)
    let length = 0
    const announced = Number(req.headers['content-length'] ?? 0)

    function finish(outcome: Buffer | ReadFailure): void {
      req.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose)
      resolve(outcome)
    }
    function onData(chunk: Buffer): void {
      const total = length + chunk.length
      const size = sizeFor(total)
      if (total > maxBytes) stop('too large')
      else if (!lease.hold(size)) stop('no room')
      else take(chunk, total, size)
    }
    function take(chunk: Buffer, total: number, size: number): void {
      if (length === 0) buffer = chunk
      else {
        if (total > buffer.length) buffer = grow(buffer, length, size)
        chunk.copy(buffer, length)
      }
      length = total
    }
    /** Twice as much as before, so that a body is not copied for each of its chunks. */
    function sizeFor(total: number): number {
      if (length === 0 || total <= buffer.length) return Math.max(total, buffer.length)
      return Math.min(Math.max(total, 2 * buffer.length), maxBytes)
    }
    function stop(failure: ReadFailure): void {
      req.pause()
      finish(failure)
    }
    function onEnd(): void {
      finish(buffer.subarray(0, length))
    }
    function onClose(): void {
      finish('aborted')
    }

    if (req.readableAborted || (req.destroyed && !req.complete)) resolve('aborted')
    // Half a body, or one turned into text, must never pass for the whole.
    else if (req.readableDidRead || req.readableEncoding !== null || !req.readable)
      resolve('consumed')
    else if (announced > maxBytes) resolve('too large')
    // Before a byte of it is taken. Nothing is held for it yet: to announce costs its sender nothing.
    else if (!lease.fits(announced)) resolve('no room')
    else req.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose)
  })
}

function grow(buffer: Buffer, used: number, size: number): Buffer {
  const grown = Buffer.allocUnsafe(size)
  buffer.copy(grown, 0, 0, used)
  return grown
}
