import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from './logger.js'
import { routesOf } from './requests.js'
import type { ServerGroup } from './servers.js'
import { until } from './wait.js'

/** For answers of work that the signal has stopped, and for connections to end once nothing is in flight. */
export const LAST_MS = 1_000

export interface DrainTimes {
  graceMs: number
  drainTimeoutMs: number
}

/** From the grace to the last answer. Resolves with whether every request in flight was answered. */
export async function drain(
  servers: ServerGroup,
  work: AbortController,
  { graceMs, drainTimeoutMs }: DrainTimes,
  log: Log,
): Promise<boolean> {
  if (servers.listening()) await sleep(graceMs)
  servers.stopAccepting()
  const answered = () => {
    servers.closeIdle()
    return servers.requests.inFlight().length === 0
  }
  const inTime = await until(answered, drainTimeoutMs)
  work.abort(new Error('The server is shutting down'))
  if (inTime || (await until(answered, LAST_MS))) return true
  log('error', 'shutdown: requests cut off', { requests: routesOf(servers.requests.inFlight()) })
  return false
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
