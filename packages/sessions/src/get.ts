import type { AuthInfo } from '@modelcontextprotocol/server'
import type { Request, Response } from 'express'
import { header } from './era.js'
import { type Output, type OutputLimits, openOutput } from './output.js'
import { acceptsStream, primes, refuseUnacceptable } from './post.js'
import type { Recorder } from './recorder.js'
import { refuse, refuseDetached, refuseExpired, refuseUnavailable } from './refuse.js'
import type { Session } from './session.js'

/** A stream and a place in it: what a `Last-Event-ID` says, which is only ever looked up in the session it came with. */
const CURSOR = /^(\d{1,15})-(\d{1,15})$/

export interface GetParts {
  limits: OutputLimits & { retryMs: () => number }
  maxStreamMs: number
  recorder: Recorder | undefined
  /** Told of an answer that has no end of its own. */
  onStandalone: (res: Response) => void
}

/** Opens the session's stream for what belongs to no call, or resumes one that was cut. */
export async function serveGet(
  session: Session,
  req: Request,
  res: Response,
  parts: GetParts,
): Promise<void> {
  if (!acceptsStream(req)) return refuseUnacceptable(req, res)
  const lifeMs = Math.min(parts.maxStreamMs, leftOf(req))
  if (!(lifeMs > 0)) return refuseExpired(req, res)
  const cursor = parts.recorder && header(req, 'last-event-id')
  // The standard's word for none is an empty one.
  if (cursor) return resume(session, cursor, lifeMs, req, res, parts)
  const { channels } = session.transport
  const output = open(session, lifeMs, req, res, parts, () =>
    channels.onGone(channels.standalone, output),
  )
  parts.onStandalone(res)
  channels.standalone.attach(output, retryMsOf(session, parts))
  channels.onBack(channels.standalone)
}

async function resume(
  session: Session,
  cursor: string,
  lifeMs: number,
  req: Request,
  res: Response,
  parts: GetParts,
): Promise<void> {
  const { channels } = session.transport
  const [, number, after] = CURSOR.exec(cursor) ?? []
  if (number === undefined || !channels.isKnown(Number(number)))
    return refuse(req, res, 400, 'Bad Request: Last-Event-ID is none of this session')
  const found = channels.find(Number(number))
  // It has ended and nothing is left of it: this status keeps a client from coming again.
  if (!found) return void res.status(204).end()
  const { scopes = [] } = (req as { auth?: AuthInfo }).auth ?? {}
  if (!found.scopes.every((scope) => scopes.includes(scope)))
    return refuse(req, res, 403, 'Forbidden: the stream was begun with scopes that the token lacks')
  const { channel } = found
  if (!channel) return replay(session, Number(number), Number(after), req, res, parts)
  if (!channels.mayMove(channel)) return refuseDetached(req, res)
  const output = open(session, lifeMs, req, res, parts, () => channels.onGone(channel, output))
  if (channel === channels.standalone) parts.onStandalone(res)
  channels.onBack(channel)
  await channel.resume(output, Number(after), retryMsOf(session, parts))
}

/** What is left of a stream that has ended. */
async function replay(
  session: Session,
  number: number,
  after: number,
  req: Request,
  res: Response,
  { limits, recorder }: GetParts,
): Promise<void> {
  const { channels } = session.transport
  const read = recorder?.read(channels.session, number, after)
  const events = await read?.catch(() => undefined)
  if (!events) return refuseUnavailable(req, res, 'what was missed cannot be read just now')
  if (events.length === 0) return void res.status(204).end()
  const output = openOutput(req, res, session.id, limits, () => {})
  for (const { seq, data } of events) {
    output.write(`event: message\nid: ${number}-${seq}\ndata: ${data}\n\n`)
    await output.room()
  }
  output.end()
}

/** A stream that ends with its token, or after its time. */
function open(
  session: Session,
  lifeMs: number,
  req: Request,
  res: Response,
  { limits }: GetParts,
  onOver: () => void,
): Output {
  const timer = setTimeout(() => output.end(true), lifeMs).unref()
  const output = openOutput(req, res, session.id, limits, () => {
    clearTimeout(timer)
    onOver()
  })
  return output
}

function retryMsOf(session: Session, { limits }: GetParts): number | undefined {
  return primes(session) ? limits.retryMs() : undefined
}

/** Milliseconds until the token expires; not a number when `expiresAt` is none, which opens nothing. */
function leftOf(req: Request): number {
  const { auth } = req as { auth?: AuthInfo }
  const expiresAt = auth?.expiresAt ?? Number.POSITIVE_INFINITY
  return expiresAt * 1000 - Date.now()
}
