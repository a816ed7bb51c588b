import { levelOnSignal, requestIdOf } from '@mcp-prod/logging'
import { handleProcessErrors, watchEventLoop } from '@mcp-prod/recovery'
import { callsOf } from '@mcp-prod/rpc'
import { createShutdown, type Shutdown } from '@mcp-prod/shutdown'
import type { Request } from 'express'
import type { Config } from './config.js'
import { name, version } from './identity.js'
import { isStream } from './streams.js'
import { createTelemetry, type Telemetry } from './telemetry.js'

/** What every process has, whether it serves alone, leads workers or is one. */
export interface OwnProcess {
  telemetry: Telemetry
  shutdown: Shutdown
}

/** Milliseconds from the signal to the forced end: what is left is for hooks and open sockets. */
export function stopDeadlineOf(config: Config): number {
  return config.SHUTDOWN_GRACE + config.SHUTDOWN_DRAIN + 5_000
}

/** First of all, so that a signal or an error during start-up ends the process in order too. @throws ConfigError */
export function createProcess(config: Config, leads: boolean): OwnProcess {
  const telemetry = createTelemetry(config)
  const { logger, audit, metrics } = telemetry
  const shutdown = createShutdown({
    logger,
    ...(leads ? timesOfPrimary(config) : timesOf(config)),
    isStream,
    describe,
  })
  shutdown.onClose('logger', () => Promise.all([logger.flush(), audit.flush()]))
  shutdown.listen()
  levelOnSignal(logger, 'SIGUSR2')
  // Meant for a log file; without one it would end the process, and the calls in flight with it.
  if (process.env.NODE_ENV === 'production') process.on('SIGHUP', () => logger.info('SIGHUP'))
  metrics.observeDrain(() => ({
    drainingForMs: shutdown.drainingForMs,
    limitMs: shutdown.deadlineMs,
  }))
  handleProcessErrors({
    logger,
    stop: shutdown.stop,
    onError: metrics.observeProcessError,
    // A shutdown ends by itself at its deadline; this is for one that does not.
    exitTimeoutMs: shutdown.deadlineMs + 5_000,
  })
  watchEventLoop({
    logger,
    service: name,
    version,
    killAfterMs: config.EVENT_LOOP_KILL,
    onBlocked: ({ durationMs }) => metrics.observeEventLoopBlocked(durationMs),
  })
  return { telemetry, shutdown }
}

function timesOf(config: Config) {
  return {
    graceMs: config.SHUTDOWN_GRACE,
    drainTimeoutMs: config.SHUTDOWN_DRAIN,
    deadlineMs: stopDeadlineOf(config),
  }
}

/** It has no calls of its own: its workers have their grace and their drain, and it waits for them. */
function timesOfPrimary(config: Config) {
  return { graceMs: 0, drainTimeoutMs: 0, deadlineMs: stopDeadlineOf(config) + 1_000 }
}

/** Whom a shutdown cut off. */
function describe(req: Request) {
  return {
    requestId: requestIdOf(req),
    calls: callsOf(req)
      .slice(0, 10)
      .map(({ method, name }) => `${method} ${name ?? ''}`.slice(0, 100)),
  }
}
