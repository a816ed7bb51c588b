import type { Readable } from 'node:stream'
import type { Request, RequestHandler, Response } from 'express'
import { Refusal } from './refusal.js'
import { send } from './send.js'
import { takeSlot } from './slot.js'

export type ProfileKind = 'cpu' | 'heap-sampling' | 'heap-snapshot' | 'event-loop'

/**
 * `done`: sent as a whole; `gone`: its client went away, which stops it; `deadline`: its client did not read it in time;
 * `refused`: another was running, or it was too large; `failed`: an error, which Express gets.
 */
export type ProfileEnd = 'done' | 'gone' | 'deadline' | 'refused' | 'failed'

/** One use, told when it has ended. */
export interface ProfileEvent {
  kind: ProfileKind
  /** The seconds that were asked for; 0 for a snapshot. */
  seconds: number
  /** Bytes of the answer that were taken. */
  bytes: number
  durationMs: number
  ended: ProfileEnd
}

/** One kind of profile. */
export interface Use {
  kind: ProfileKind
  extension: string
  secondsOf(req: Request): number
  record(seconds: number, signal: AbortSignal): Promise<string | Readable>
}

export interface UseLimits {
  maxBytes: number
  sendSeconds: number
  onProfile?: ((event: ProfileEvent, req: Request) => void) | undefined
}

/** The handler of one kind: checks, takes the slot, records, sends, gives the slot back and tells. */
export function use(
  { kind, extension, secondsOf, record }: Use,
  limits: UseLimits,
): RequestHandler {
  const { maxBytes, sendSeconds, onProfile } = limits

  async function recordAndSend(res: Response, seconds: number, signal: AbortSignal) {
    const body = await record(seconds, signal)
    if (typeof body === 'string') {
      const bytes = Buffer.byteLength(body)
      if (bytes > maxBytes)
        throw new Refusal(507, `the profile has ${bytes} bytes, above maxBytes (${maxBytes})`)
      res.set('Content-Length', String(bytes))
    }
    const name = `${kind}-${new Date().toISOString().replace(/[:.]/g, '-')}.${extension}`
    res.set('Content-Disposition', `attachment; filename="${name}"`).type('json')
    return send(res, body, sendSeconds * 1000)
  }

  return async function profileHandler(req, res) {
    res.set({ 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' })
    if (req.method !== 'GET') {
      res.set('Allow', 'GET')
      return refuse(res, new Refusal(405, 'only GET is allowed'))
    }
    const startMs = performance.now()
    let seconds = 0
    const tell = (ended: ProfileEnd, bytes = 0) => {
      const durationMs = Math.round(performance.now() - startMs)
      try {
        onProfile?.({ kind, seconds, bytes, durationMs, ended }, req)
      } catch {
        // A listener that fails must not fail the profile.
      }
    }
    const stop = new AbortController()
    const abort = () => stop.abort()
    let release: (() => void) | undefined
    try {
      seconds = secondsOf(req)
      release = slotFor(res, seconds + sendSeconds)
      if (res.destroyed) abort()
      else res.once('close', abort)
      const { ended, bytes } = await recordAndSend(res, seconds, stop.signal)
      release()
      tell(ended, bytes)
    } catch (error) {
      release?.()
      if (stop.signal.aborted) return tell('gone')
      tell(error instanceof Refusal ? 'refused' : 'failed')
      if (!(error instanceof Refusal)) throw error
      refuse(res, error)
    }
  }
}

function slotFor(res: Response, seconds: number): () => void {
  const slot = takeSlot(seconds)
  if (typeof slot === 'function') return slot
  res.set('Retry-After', String(slot))
  throw new Refusal(409, 'another profile is being taken; only one at a time')
}

function refuse(res: Response, { status, message }: Refusal): void {
  res.status(status).json({ error: message })
}
