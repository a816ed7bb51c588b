import { Readable } from 'node:stream'
import type { Response } from 'express'

export type SendEnd = 'done' | 'gone' | 'deadline'

/**
 * Sends it and waits until all of it is out, the client has gone, or the time is over: then the connection is closed, or a
 * reader who takes nothing would hold the memory and the slot for good.
 */
export function send(
  res: Response,
  body: string | Readable,
  sendMs: number,
): Promise<{ ended: SendEnd; bytes: number }> {
  return new Promise((resolve) => {
    const source = typeof body === 'string' ? Readable.from([Buffer.from(body)]) : body
    let bytes = 0
    let late = false
    const timer = setTimeout(() => {
      late = true
      res.destroy()
    }, sendMs)
    const end = () => {
      clearTimeout(timer)
      source.destroy()
      resolve({ ended: res.writableFinished ? 'done' : late ? 'deadline' : 'gone', bytes })
    }
    source.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    // Half a profile must not look whole.
    source.on('error', () => res.destroy())
    res.once('finish', end).once('close', end)
    if (res.destroyed) end()
    else source.pipe(res)
  })
}
