import { closeConnections, drain, LAST_MS } from './drain.js'
import { hookList } from './hooks.js'
import { safeLog, textOf } from './logger.js'
import { callable, catchable, milliseconds, type ShutdownOptions } from './options.js'
import { activeResources } from './report.js'
import { isEventStreamOfGet, trackRequests } from './requests.js'
import { serverGroup } from './servers.js'
import { behindShell } from './shell.js'
import { onSignals } from './signals.js'
import type { Shutdown } from './types.js'
import { flushOutput, withTimeout } from './wait.js'

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
    drainTimeoutMs = 18_000,
    deadlineMs = 28_000,
    exit = exitProcess,
  } = options
  const { logger, signals = ['SIGTERM', 'SIGINT'] } = options
  const { isStream = isEventStreamOfGet, describe = () => ({}) } = options
  milliseconds('graceMs', graceMs)
  milliseconds('drainTimeoutMs', drainTimeoutMs)
  milliseconds('deadlineMs', deadlineMs, graceMs + drainTimeoutMs + LAST_MS)
  catchable(signals)
  callable('isStream', isStream)
  callable('describe', describe)
  callable('exit', exit)

  const log = safeLog(logger)
  const servers = serverGroup(trackRequests(isStream, describe))
  const lastServers = serverGroup(trackRequests(() => false, describe))
  const onDrained = hookList('onDrained', log)
  const onClose = hookList('onClose', log)
  const work = new AbortController()
  let exitCode = 0
  let stopping: Promise<void> | undefined
  let begun = 0
  let removeHandlers: (() => void) | undefined

  async function closeAll() {
    const answered = await drain(servers, work, { graceMs, drainTimeoutMs }, log)
    const ended = await onDrained.runAll()
    await closeConnections(servers, log)
    lastServers.requests.drain()
    await lastServers.stopAccepting()
    await closeConnections(lastServers, log)
    const closed = await onClose.runAll()
    return answered && ended && closed
  }

  async function run(reason: string) {
    const tookMs = () => Math.round(performance.now() - begun)
    log('info', 'shutdown: draining', { reason, inFlight: servers.requests.inFlight().length })
    try {
      if (!(await withTimeout(closeAll(), deadlineMs))) exitCode ||= 1
    } catch (error) {
      exitCode ||= 1
      log('error', 'shutdown: forced at the deadline', { error: textOf(error), ...stillRunning() })
      servers.destroyConnections()
      lastServers.destroyConnections()
    }
    log('info', 'shutdown: end', { reason, exitCode, tookMs: tookMs(), active: activeResources() })
    await flushOutput()
    removeHandlers?.()
    exit(exitCode)
  }

  function stillRunning() {
    const { requests } = servers
    const hooks = [...onDrained.pending(), ...onClose.pending()]
    return { ...requests.report(requests.inFlight()), hooks, active: activeResources() }
  }

  function stop(reason: string, code = 0) {
    exitCode = Math.max(exitCode, Number.isInteger(code) && code >= 0 && code <= 255 ? code : 1)
    if (!stopping) {
      begun = performance.now()
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
    get drainingForMs() {
      return stopping ? performance.now() - begun : 0
    },
    deadlineMs,
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
      if (removeHandlers) return
      removeHandlers = onSignals(signals, stop, stopAtOnce)
      if (behindShell())
        log('warn', 'shutdown: behind a shell that keeps signals to itself', REMEDY)
    },
  }
}

const REMEDY = { remedy: 'start node with exec: "start": "exec node …", CMD ["node", …]' }

function exitProcess(code: number): void {
  process.exit(code)
}
