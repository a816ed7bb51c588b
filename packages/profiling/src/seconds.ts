import type { Request } from 'express'
import { Refusal } from './refusal.js'

const DEFAULT_SECONDS = 10
const OTHERS = 'only seconds is known in the query'

/** From the URL itself: an app may have turned Express's query parser off. Throws a Refusal that says what is wrong. */
export function secondsOf(req: Request, maxSeconds: number): number {
  const query = new URLSearchParams(req.url.split('?')[1])
  const given = query.getAll('seconds')
  if ([...query.keys()].length > given.length) throw new Refusal(400, OTHERS)
  if (given.length === 0) return Math.min(DEFAULT_SECONDS, maxSeconds)
  const seconds = given.length === 1 && /^\d{1,4}$/.test(given[0] ?? '') ? Number(given[0]) : 0
  if (seconds >= 1 && seconds <= maxSeconds) return seconds
  throw new Refusal(
    400,
    `seconds must be a whole number from 1 to ${maxSeconds} (maxSeconds), once`,
  )
}

/** For what takes no time of its own. */
export function noSeconds(req: Request): number {
  if (req.url.includes('?')) throw new Refusal(400, 'nothing is known in the query')
  return 0
}
