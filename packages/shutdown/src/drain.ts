import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from './logger.js'
import type { ServerGroup } from './servers.js'
import { until } from './wait.js'

/** For answers of work that the signal has stopped, requests to arrive, connections to end once nothing is in flight. */
export const LAST_MS = 1_000

export interface DrainTimes {
  graceMs: number
  drainTimeoutMs: number
}

/**
 * From the grace to the last answer. Resolves with whether every request in flight was answered; one whose body
 * keeps us waiting is not in flight.
 */
export async function drain(
  servers: ServerGroup,
  work: AbortController,
  { graceMs, drainTimeoutMs }: DrainTimes,
  log: Log,
): Promise<boolean> {
  if (servers.listening()) await sleep(graceMs)
  await servers.stopAccepting()
  const closedAt = performance.now()
  const answered = () => {
    endUploads(servers, LAST_MS, log)
    // Who was let in just now may still be sending, but not for long.
    const isLate = performance.now() - closedAt > LAST_MS
    // To Node 26 a connection is idle that has not sent anything yet.
    if (isLate || !servers.awaitsFirst()) servers.closeIdle()
    if (servers.requests.inFlight().length > 0) return false
    return isLate || !servers.awaitsRequest()
  }
  const inTime = await until(answered, drainTimeoutMs)
  const late = servers.requests.inFlight()
  if (late.length > 0) log('warn', 'shutdown: requests stopped', servers.requests.report(late))
  work.abort(new Error('The server is shutting down'))
  if (inTime || (await until(answered, LAST_MS))) return true
  endUploads(servers, 0, log)
  const cutOff = servers.requests.inFlight()
  if (cutOff.length === 0) return true
  log('error', 'shutdown: requests cut off', servers.requests.report(cutOff))
  return false
}

/** Who never sends the rest of a body would hold the drain, and no call of his is lost. */
function endUploads({ requests }: ServerGroup, limitMs: number, log: Log): void {
  const ended = requests.endUploads(limitMs)
  if (ended.length > 0) log('info', 'shutdown: incomplete requests closed', requests.report(ended))
}

/** Ends what is left once nothing is in flight: streams nobody ended, keep-alive and upgraded connections. */
export async function closeConnections(servers: ServerGroup, log: Log): Promise<void> {
  const closed = () => {
    servers.closeIdle()
    return servers.connections() === 0
  }
  if (!(await until(closed, LAST_MS))) {
    log('info', 'shutdown: open connections closed', { connections: servers.connections() })
  }
  servers.destroyConnections()
}
