import type { Server } from 'node:net'
import type { RequestHandler } from 'express'
import { closeConnections, drain, LAST_MS } from './drain.js'
import { type Hook, type HookOptions, hookList } from './hooks.js'
import { safeLog, textOf } from './logger.js'
import { callable, catchable, milliseconds, type ShutdownOptions } from './options.js'
import { isEventStreamOfGet, routesOf, trackRequests } from './requests.js'
import { serverGroup } from './servers.js'
import { onSignals } from './signals.js'
import { flushOutput, withTimeout } from './wait.js'

export interface Shutdown {
  /** True from the signal on: readiness answers 503, answers say `Connection: close`. */
  readonly draining: boolean
  /** Requests being answered now, streams and those of `last` servers apart. */
  readonly inFlight: number
  /**
   * Aborts when the requests in flight have ended or their time is over. Work that still runs should stop then;
   * it has one second left to answer.
   */
  readonly signal: AbortSignal
  /** Counts requests of a server that cannot be given to `addServer`, which counts those of its own. */
  readonly track: RequestHandler
  /**
   * Adds a server of node:http, node:https or node:net, before it listens. With `last` it keeps answering
   * (probes, metrics) until the others have drained.
   */
  addServer(server: Server, options?: { last?: boolean }): void
  /** Runs when no request is in flight any more, to end streams properly. Last registered, first run. */
  onDrained(name: string, run: Hook, options?: HookOptions): void
  /** Runs when the servers are closed, for pools, stores and log files. Last registered, first run. */
  onClose(name: string, run: Hook, options?: HookOptions): void
  /**
   * Drains, closes and ends the process. Further calls join the first; the highest exit code wins.
   * `exitCode` is 0 to 255, anything else counts as 1. @default 0
   */
  stop(reason: string, exitCode?: number): Promise<void>
  /**
   * Handles the signals from now on: call it first in the program. A second signal exits at once with 128 + n,
   * unless it comes within 50 ms of the first.
   */
  listen(): void
}

/**
 * Ends an HTTP process without cutting a request off, in this order: `draining`; grace; close the listening
 * sockets; wait for the requests in flight; `signal`; `onDrained` hooks; connections; `last` servers; `onClose`
 * hooks; output flushed; exit. The exit code is 0 when all went well, 1 when a request was cut off, a hook
 * failed or the deadline came.
 *
 * @throws TypeError `ERR_SHUTDOWN_OPTION` for a wrong option, also from the methods that register something.
 */
export function createShutdown(options: ShutdownOptions = {}): Shutdown {
  const {
    graceMs = 5_000,
    drainTimeoutMs = 20_000,
    deadlineMs = 30_000,
    exit = exitProcess,
  } = options
  const { logger, signals = ['SIGTERM', 'SIGINT'], isStream = isEventStreamOfGet } = options
  milliseconds('graceMs', graceMs)
  milliseconds('drainTimeoutMs', drainTimeoutMs)
  milliseconds('deadlineMs', deadlineMs, graceMs + drainTimeoutMs + LAST_MS)
  catchable(signals)
  callable('isStream', isStream)
  callable('exit', exit)

  const log = safeLog(logger)
  const servers = serverGroup(trackRequests(isStream))
  const lastServers = serverGroup(trackRequests(() => false))
  const onDrained = hookList('onDrained', log)
  const onClose = hookList('onClose', log)
  const work = new AbortController()
  let exitCode = 0
  let stopping: Promise<void> | undefined
  let removeHandlers: (() => void) | undefined

  async function closeAll() {
    const answered = await drain(servers, work, { graceMs, drainTimeoutMs }, log)
    const ended = await onDrained.runAll()
    await closeConnections(servers, log)
    lastServers.requests.drain()
    lastServers.stopAccepting()
    await closeConnections(lastServers, log)
    const closed = await onClose.runAll()
    return answered && ended && closed
  }

  async function run(reason: string) {
    log('info', 'shutdown: draining', { reason, inFlight: servers.requests.inFlight().length })
    try {
      if (!(await withTimeout(closeAll(), deadlineMs))) exitCode ||= 1
    } catch (error) {
      exitCode ||= 1
      const requests = routesOf(servers.requests.inFlight())
      const hooks = [...onDrained.pending(), ...onClose.pending()]
      log('error', 'shutdown: forced at the deadline', { error: textOf(error), requests, hooks })
      servers.destroyConnections()
      lastServers.destroyConnections()
    }
    log('info', 'shutdown: end', { reason, exitCode })
    await flushOutput()
    removeHandlers?.()
    exit(exitCode)
  }

  function stop(reason: string, code = 0) {
    exitCode = Math.max(exitCode, Number.isInteger(code) && code >= 0 && code <= 255 ? code : 1)
    if (!stopping) {
      stopping = Promise.resolve().then(() => run(reason))
      servers.requests.drain()
    }
    return stopping
  }

  function stopAtOnce(signal: NodeJS.Signals, code: number) {
    log('warn', 'shutdown: second signal, exiting at once', { signal })
    exit(code)
  }

  return {
    get draining() {
      return stopping !== undefined
    },
    get inFlight() {
      return servers.requests.inFlight().length
    },
    signal: work.signal,
    track: function shutdownMiddleware(_req, res, next) {
      servers.requests.add(res)
      next()
    },
    addServer: (server, { last = false } = {}) => (last ? lastServers : servers).add(server),
    onDrained: onDrained.add,
    onClose: onClose.add,
    stop,
    listen() {
      removeHandlers ??= onSignals(signals, stop, stopAtOnce)
    },
  }
}

function exitProcess(code: number): void {
  process.exit(code)
}
